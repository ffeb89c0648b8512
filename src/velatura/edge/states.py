"""Every state that `edge status` names, with what it means and what to do next; docs/reference/edge-states.md is the list.

A state is "well", a "note" (works as it was asked to, but somebody should know) or a "fault" (the exit status tells).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["AREAS", "State", "state_of"]


@dataclass(frozen=True, slots=True)
class State:
    """One state. next: what a person does; "": nothing."""

    grade: Literal["well", "note", "fault"]
    means: str
    next: str = ""


def _well(means: str) -> State:
    return State("well", means)


def _note(means: str, then: str) -> State:
    return State("note", means, then)


def _fault(means: str, then: str) -> State:
    return State("fault", means, then)


AREAS: dict[str, dict[str, State]] = {
    "run": {
        "running": _well("the process is there"),
        "ended": _well("it was ended, and everything was written down"),
        "died": _fault("the process is gone without a last word; all below is as of then", "start it again with the same --state: it goes on"),
        "silent": _fault("the process is there, and has written nothing for a minute", "is it stopped (SIGSTOP), or can its --state not be written?"),
    },
    "host": {
        "ok": _well("nothing is amiss"),
        "clock-jumped": _fault("the clock was set; ticks and budget go by another one and are right", "look at the time service"),
        "suspended": _note("the machine slept; nothing was counted meanwhile", "switch suspending off"),
        "no-uid": _fault("no other user can be taken on to see with", "run as an ordinary user"),
        "no-namespaces": _fault("user namespaces are not allowed here", "allow them, or --allow-degraded namespaces"),
        "no-landlock": _fault("the kernel has no Landlock", "Linux 5.13 with landlock among its security modules, or --allow-degraded landlock"),
        "no-caps": _fault("capabilities cannot be given up", "velatura doctor"),
        "no-rlimits": _fault("limits cannot be set", "velatura doctor"),
        "interpreter-unreadable": _fault("Python lies where the user to see with may not read", "run as an ordinary user, or with another Python"),
        "no-seccomp": _fault("the kernel has no seccomp filter: never without it", "a kernel with CONFIG_SECCOMP_FILTER"),
    },
    "camera": {
        "connecting": _note("nothing came of it yet", "wait some seconds"),
        "streaming": _well("packets come"),
        "ended": _well("the file is read"),
        "no-source": _fault("there is no such file or device, or no clip in the folder", "name one that is there"),
        "no-access": _fault("it is there, and may not be opened", "let this user read it (for /dev/videoN: the group video)"),
        "lost": _fault(
            "it ended the stream, or cannot be reached; it is tried again",
            "is it switched on, its address right, and its certificate of the --ca file, if there is one?",
        ),
        "refused": _fault("nobody listens there, or it declined", "is its RTSP or HTTP service on, and the path right?"),
        "auth": _fault("it does not take user and password", "look into the --login file"),
        "stalled": _fault("connected, and nothing comes (frozen); it is tried again", "restart the camera"),
        "malformed": _fault("what comes is no video", "is the address right? is something between?"),
        "no-video": _fault("it sends no picture, only sound or nothing", "choose its video profile"),
        "codec": _fault("its codec is not read here", "set it to H.264, H.265 or MJPEG"),
        "failed": _fault("this camera's run has ended with an error, which is told beside", "the error's own next step"),
    },
    "vision": {
        "starting": _note("it warms up, and is locked before it reads anything", "wait some seconds"),
        "running": _well("it is locked, and counts"),
        "degraded": _note("it counts, without layers that --allow-degraded named", "see `held` and `degraded`"),
        "restarting": _fault("it broke off and is started anew, with back-off; ticks go on", "damaged video? a model too large? velatura doctor"),
        "model-refused": _fault("the model is not the one that was checked, or fails its own test", "velatura models verify"),
        "refused": _fault("it cannot be started or locked", "the error beside says why"),
        "ended": _well("its camera's run is over"),
    },
    "health": {
        "none": _note("no record was told yet", "wait for a tick"),
        "ok": _well("the last record is whole"),
        "restarted": _note("vision was started anew within the last tick", "if it comes again: velatura doctor"),
        "no-frames": _fault("nothing was seen in the last tick", "look at the camera's state"),
        "model-error": _fault("the network's output was no number, or too much", "velatura models verify; another model"),
        "overload": _note("more came than could be looked at", "--looks-per-s, a smaller stream, fewer cameras"),
        "corrupt": _note("frames came damaged and were not trusted", "look at the network to the camera"),
        "codec": _fault("the codec is not read here", "set the camera to H.264, H.265 or MJPEG"),
        "masked-out": _note("masks cover all of the picture", "look at the policy's masks"),
    },
    "outbox": {
        "ok": _well("every tick is on disk"),
        "disk-full": _fault("ticks wait in memory and are not sent before they are on disk", "make room on the disk of --state"),
        "read-only": _fault("the disk takes nothing; ticks wait in memory", "is the file system remounted read-only? look at the disk"),
        "damaged": _note("a damaged file was moved aside; the chain says so (a gap)", "keep it for a look, then delete it"),
        "busy": _fault("another process writes to it", "end it, or give this one a --state of its own"),
        "lost": _fault("it was damaged, and nothing remembers where its chain stood", "a new --state folder with a new key"),
        "behind": _fault("it is an older copy than its output", "a new --state folder with a new key"),
        "failed": _fault("it cannot be opened", "another --state folder"),
    },
    "sink": {
        "starting": _note("not tried yet", "wait some seconds"),
        "ok": _well("it took everything that it was offered"),
        "down": _fault("nobody is there; it is tried again, nothing is lost meanwhile", "is the broker or server running?"),
        "refused": _fault("it is there, and declines", "look into its log"),
        "auth": _fault("it does not take user, password or token", "look into the login or token file"),
        "tls": _fault("its certificate is not to be trusted, or of another name", "the right ca, the right host name"),
        "slow": _fault("connected, and no answer in time", "is it overloaded? is it the right port?"),
        "disk-full": _fault("the disk of the file is full; it is tried again", "make room"),
        "ahead": _fault("it has events that the outbox never had: an older copy of --state", "a new --state folder with a new key"),
        "failed": _fault("its thread broke off: a fault of ours", "start again, and report it"),
    },
}


def state_of(area: str, word: str) -> State:
    """Raises KeyError: there is no such state."""
    return AREAS[area][word]
