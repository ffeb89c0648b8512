"""Who signs for the machine below a confined process: the interfaces of four kinds of hardware, each behind one protocol. None was tried on
hardware."""
