#!/bin/bash
# Runs $STARTUP_SCRIPT on the node that this container runs on, in the namespaces of the node's first
# process, until it succeeds once. A file on the node says that it did, so that a restart of the pod
# does not run it again. Then it waits, for the pod of a DaemonSet must not end; with the argument
# "once" it ends.
#
#   CHECKPOINT_PATH  the file (default: one in /tmp that is named after the script's digest)
#   INTERVAL         seconds between two attempts (30)
#   ATTEMPTS         how many there are; 0 for no limit (0)
set -u

if [ -z "${STARTUP_SCRIPT:-}" ]; then
  echo "STARTUP_SCRIPT is not set" >&2
  exit 2
fi
digest=$(sha256sum <<<"$STARTUP_SCRIPT" | cut -c 1-32)
checkpoint=${CHECKPOINT_PATH:-/tmp/startup-script.kubernetes.io_$digest}

on_node() {
  nsenter --target 1 --mount --uts --ipc --net --pid -- "$@"
}

if on_node test -e "$checkpoint"; then
  echo "already succeeded: $checkpoint"
else
  attempt=1
  until on_node bash -c "$STARTUP_SCRIPT"; do
    echo "failed with $?"
    if [ "$attempt" -eq "${ATTEMPTS:-0}" ]; then exit 1; fi
    attempt=$((attempt + 1))
    sleep "${INTERVAL:-30}"
  done
  on_node touch "$checkpoint"
  echo "succeeded: $checkpoint"
fi
if [ "${1:-}" != once ]; then exec sleep infinity; fi
