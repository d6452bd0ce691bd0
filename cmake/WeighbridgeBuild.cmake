# How every target of this project is built. The SDK's own CMake module is sdk/cmake/WeighbridgeAddFamily.cmake.
include(GNUInstallDirs)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
# Here rather than in the rooms: an imported target is known only in the folder that finds it and below, and the rooms hand
# these on to one another and to the tests.
find_package(fmt REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json filesystem system)
find_package(yaml-cpp REQUIRED)
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
find_program(WEIGHBRIDGE_CCACHE ccache)
if(WEIGHBRIDGE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${WEIGHBRIDGE_CCACHE})
endif()

# Warnings and sanitizers for our own targets only; the installed SDK exports neither.
add_library(weighbridge_build INTERFACE)
target_compile_options(weighbridge_build INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion)
if(WEIGHBRIDGE_WERROR)
  target_compile_options(weighbridge_build INTERFACE -Werror)
endif()
if(WEIGHBRIDGE_SANITIZE)
  add_compile_options(-fsanitize=${WEIGHBRIDGE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${WEIGHBRIDGE_SANITIZE})
endif()

# weighbridge_room(<name> SOURCES a.cpp … [DEPENDS room|library …]): one room of the host as a static library.
# Headers are included as "room/header.hpp".
function(weighbridge_room name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(weighbridge_${name} STATIC ${ARG_SOURCES})
  target_include_directories(weighbridge_${name} PUBLIC ${PROJECT_SOURCE_DIR}/host)
  target_link_libraries(weighbridge_${name} PUBLIC ${ARG_DEPENDS} PRIVATE $<BUILD_INTERFACE:weighbridge_build>)
  set_target_properties(weighbridge_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
endfunction()

# weighbridge_test(<name> SOURCES a_test.cpp … [DEPENDS …]): one GoogleTest program, its cases listed by CTest.
function(weighbridge_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} GTest::gmock GTest::gtest_main weighbridge_build)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 300)
endfunction()
