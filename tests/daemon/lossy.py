"""A cable that loses every third packet each way: two links of the kernel's, `near` and `far`, and what is sent into one comes out of the other."""

import fcntl
import os
import select
import struct

TUNSETIFF, TUN_WITHOUT_HEADER = 0x400454CA, 0x1001


def end(name):
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), TUN_WITHOUT_HEADER))
    return device


near, far = end("near"), end("far")
print("ready", flush=True)
came = {near: 0, far: 0}
while True:
    for device in select.select([near, far], [], [])[0]:
        packet = os.read(device, 1 << 16)
        came[device] += 1
        if came[device] % 3:
            try:
                os.write(far if device == near else near, packet)
            except OSError:
                pass  # a link that is down or moves
