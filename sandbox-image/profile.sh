# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC1090,SC1091 # what it reads is in the image
# The /etc/profile of sandboxes: Debian's without its two runs of other programs. Clients of E2B run each command in
# a login shell, and these runs took as long as the rest of its start. No shell of root reads it.
PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games
export PATH

if [ "${PS1-}" ]; then
  if [ "${BASH-}" ] && [ "$BASH" != /bin/sh ]; then
    if [ -f /etc/bash.bashrc ]; then
      . /etc/bash.bashrc
    fi
  else
    PS1='$ '
  fi
fi

for i in /etc/profile.d/*.sh; do
  if [ -r "$i" ]; then
    . "$i"
  fi
done
unset i
