"""Numbers of the system calls that probes make by themselves: (x86-64, aarch64), None where a machine has no such call.

From the headers of the C library; a test compares them where those are installed.
"""

from __future__ import annotations

import os

__all__ = ["NUMBERS", "number"]

# fmt: off
NUMBERS: dict[str, tuple[int, int | None]] = {
    "access": (21, None), "add_key": (248, 217), "alarm": (37, None), "arch_prctl": (158, None), "bind": (49, 200), "bpf": (321, 280),
    "chroot": (161, 51), "clone": (56, 220), "clone3": (435, 435), "connect": (42, 203), "dup": (32, 23), "dup2": (33, None),
    "epoll_create1": (291, 20), "eventfd2": (290, 19), "execveat": (322, 281), "faccessat": (269, 48), "fanotify_init": (300, 262),
    "fchmodat2": (452, 452), "fcntl": (72, 25), "flock": (73, 32), "fork": (57, None), "fsopen": (430, 430), "fsync": (74, 82), "futex": (202, 98),
    "getrandom": (318, 278), "inotify_add_watch": (254, 27), "inotify_init1": (294, 26), "io_setup": (206, 0), "io_uring_setup": (425, 425),
    "ioctl": (16, 29), "ioprio_set": (251, 30), "kcmp": (312, 272), "keyctl": (250, 219), "landlock_create_ruleset": (444, 444),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "mlock": (149, 228), "mmap": (9, 222), "modify_ldt": (154, None), "mount": (165, 40),
    "mprotect": (10, 226), "mq_open": (240, 180), "mq_unlink": (241, 181), "msgctl": (71, 187), "msgget": (68, 186),
    "name_to_handle_at": (303, 264), "open": (2, None), "open_by_handle_at": (304, 265), "open_tree": (428, 428), "openat2": (437, 437),
    "perf_event_open": (298, 241), "personality": (135, 92), "pidfd_getfd": (438, 438), "pidfd_open": (434, 434), "pipe2": (293, 59),
    "pivot_root": (155, 41), "pkey_mprotect": (329, 288), "prctl": (157, 167), "prlimit64": (302, 261), "process_madvise": (440, 440),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "ptrace": (101, 117), "pwrite64": (18, 68), "pwritev2": (328, 287),
    "quotactl": (179, 60), "recvmsg": (47, 212), "renameat2": (316, 276), "rt_sigqueueinfo": (129, 138), "sched_setaffinity": (203, 122),
    "seccomp": (317, 277), "semctl": (66, 191), "semget": (64, 190), "sendfile": (40, 71), "sendmsg": (46, 211), "sendto": (44, 206),
    "sethostname": (170, 161), "setns": (308, 268), "setpriority": (141, 140), "setsid": (112, 157), "setuid": (105, 146), "shmctl": (31, 195),
    "shmget": (29, 194), "signalfd4": (289, 74), "splice": (275, 76), "statx": (332, 291), "syslog": (103, 116), "tee": (276, 77),
    "tgkill": (234, 131), "timer_create": (222, 107), "timerfd_create": (283, 85), "unshare": (272, 97), "userfaultfd": (323, 282),
    "vmsplice": (278, 75),
}
# fmt: on


_COLUMN = 1 if os.uname().machine in ("aarch64", "arm64") else 0  # asked here: in a locked process uname is denied, and every probe would be with it


def number(name: str) -> int | None:
    """Of this machine. Makes no system call of its own."""
    return NUMBERS[name][_COLUMN]
