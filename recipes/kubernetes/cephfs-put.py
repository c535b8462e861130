#!/usr/bin/python3
"""Writes standard input to a file of the cluster's file system: cephfs-put.py PATH

For the image's bootstrap script, where upstream mounts the file system with ceph-fuse.
"""

import sys

import cephfs

path = sys.argv[1]
text = sys.stdin.buffer.read()
try:
    # Without a limit it waits for a metadata server, which is up some seconds after the file system.
    system = cephfs.LibCephFS(conffile="", conf={"client_mount_timeout": "30"})
    system.conf_read_file("/etc/ceph/ceph.conf")
    system.mount()
    file = system.open(path, "w", 0o644)
    system.write(file, text, 0)
    system.close(file)
    system.shutdown()
except cephfs.Error as error:
    sys.exit(f"{path}: {error}")
