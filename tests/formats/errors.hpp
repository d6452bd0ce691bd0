#pragma once
// What every error about a user's file must hold.

#include <string>

#include <gmock/gmock.h>

#include "tensor/result.hpp"

namespace weighbridge::testing {

// That `result` failed, naming the file and the subject, with this in its problem and with a remedy.
template <class T>
void expect_error(const Result<T>& result, const std::string& file, const std::string& subject,
                  const std::string& problem) {
  ASSERT_FALSE(result) << "expected an error: " << problem;
  EXPECT_THAT(result.error().file, ::testing::HasSubstr(file));
  EXPECT_EQ(result.error().subject, subject);
  EXPECT_THAT(result.error().problem, ::testing::HasSubstr(problem));
  EXPECT_GT(result.error().remedy.size(), 15u);
}

}  // namespace weighbridge::testing
