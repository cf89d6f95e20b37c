#!/bin/sh
# The command `pushcart` for root on a machine whose shop the units run: with their settings, and as their user, so that nothing it
# makes belongs to anybody else. What is set where it is typed goes before theirs: `DATABASE_URL=… pushcart restore …`.
#
#   install -m 755 deploy/systemd/pushcart.sh /usr/local/bin/pushcart
set -eu
typed=$(export -p)
set -a
. /etc/pushcart.env
set +a
eval "$typed"
HOME=/var/lib/pushcart exec setpriv --reuid=pushcart --regid=pushcart --init-groups /opt/pushcart/.venv/bin/pushcart "$@"
