"""Where a job runs: a confined process on any Linux machine, with the evidence of the hardware below it where there is some."""
