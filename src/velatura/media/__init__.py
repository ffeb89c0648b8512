"""Pictures and clips in and out. README.md says which file holds what; import the module that you need."""
