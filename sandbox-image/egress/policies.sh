# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # what egress.sh sets
# What each sandbox may reach of the names of its network, by its address on the bridge. To be sourced by egress.sh.
#
# Each line of the standard input sets the policy of one address. It is in force for new connections when it is answered:
#
#   <number> <address> <keep|cut> <policy>
#
# number    identifies the answer
# keep|cut  whether the connections that the address has through the proxy go on; another policy that may allow less cuts them
# policy    `*` for all names of the network; else names as in ZCBOT_NAMES between commas, `,` alone for none
#
# Addresses that no line has named reach nothing. So nothing is open after a restart, or for the next sandbox with an
# address, before the worker has said what.

policy_pattern='^([0-9]+) ([0-9.]+) (keep|cut) (\*|,|,[a-z0-9_.*:,-]+,)$'
most_of_policy=8000
control_patience=5

# Gives HAProxy a command, and sets REPLY to the answer, up to the next prompt.
control() { # command
  local part
  REPLY=
  printf '%s\n' "$1" >&"${CONTROL[1]}"
  while [[ $REPLY != *$'\n>' ]]; do
    IFS= read -rd '>' -t "$control_patience" part <&"${CONTROL[0]}" || return 1
    REPLY+="$part>"
  done
  REPLY=${REPLY%>}
}

# Closes the connections of an address.
cut_connections() { # address
  local line session
  local -a sessions=()
  control 'show sess' || return 1
  while read -r session line; do
    [[ $line != *" src=$1:"* ]] || sessions+=("${session%:}")
  done <<<"$REPLY"
  # one that has ended meanwhile is not found
  for session in ${sessions[@]+"${sessions[@]}"}; do
    control "shutdown session $session" || return 1
  done
}

# Sets problem to why a policy is not in force, or to nothing. Returns 1 if HAProxy does not answer.
set_policy() { # address, keep or cut, policy
  problem=
  if [[ $2 == cut ]]; then
    control "get map $run/policies $1" || return 1
    [[ $REPLY != *" value=\"$3\""* ]] || return 0
  fi
  control "set map $run/policies $1 $3" || return 1
  if [[ $REPLY == *'not found'* ]]; then control "add map $run/policies $1 $3" || return 1; fi
  if [[ $REPLY =~ [A-Za-z] ]]; then
    problem=${REPLY//[!A-Za-z0-9 ._-]/ }
  elif [[ $2 == cut ]]; then
    cut_connections "$1"
  fi
}

# Ends when HAProxy does or does not answer, or when the input does; then all ends.
keep_policies() {
  local line problem status deadline=$((SECONDS + 10))
  exec 8<> <(:)
  until [[ -S $run/control ]]; do
    ((SECONDS < deadline)) || return 1
    read -rt 0.02 <&8 || : # nothing is ever written there
  done
  coproc CONTROL { exec /bin/nc.openbsd -U "$run/control"; }
  control prompt || return 1
  while :; do
    status=0
    IFS= read -rt 60 line <&6 || status=$?
    if ((status > 128)); then
      control 'show version' || return 1 # or the socket would be closed
    elif ((status > 0)); then
      return 0
    elif ((${#line} <= most_of_policy)) && [[ $line =~ $policy_pattern ]]; then
      set_policy "${BASH_REMATCH[2]}" "${BASH_REMATCH[3]}" "${BASH_REMATCH[4]}" || return 1
      line=${line%% *}
      printf 'policy %s %.200s\n' "$line" "${problem:+failed: }${problem:-ok}" >&7
    elif [[ -n $line ]]; then
      printf 'policy 0 failed: not a policy\n' >&7
    fi
  done
}
