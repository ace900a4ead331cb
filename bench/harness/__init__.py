"""What the benchmark scripts share: command line, machine, rivals, timing, judging, tables, a model of a GPU."""
