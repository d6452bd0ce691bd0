/* A library of another kind: it loads, and exports no wb_plugin_v1. */
int some_other_entry(void);
int some_other_entry(void) { return 1; }
