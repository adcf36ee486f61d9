#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# First process of a sandbox. In the `container` firewall mode it closes the way to every private
# network and checks that the kernel took the rules. In the `host` mode it can't, since it runs as
# uid 1000 without a capability, and checks that the host's rules are in force. In `both` it does
# both. With no network at all it checks that there is none. It says so in one line on stdout, and
# idles.
#
#   zcbot-sandbox ready firewall=host
#   zcbot-sandbox ready firewall=<container|both> ipv4=<rules> ipv6=<rules|disabled>
#   zcbot-sandbox ready network=none
#   zcbot-slot ready ...                   the same, of a warm slot
#   zcbot-sandbox failed: <reason>                                  (and a non-zero exit)
#
# The worker announces a sandbox only after a line of the first kinds, so all that goes wrong here
# must end in the last. Start latency counts: bash built-ins read and compute, and the only programs
# started are, for rules of our own, one restore and one save for each address family.
#
# Environment: ZCBOT_FIREWALL  container, host or both
#              ZCBOT_EGRESS    public, none, or the addresses or CIDRs that may be reached
#              ZCBOT_DNS       `off` refuses port 53 everywhere
#              ZCBOT_PG_IPS    addresses or CIDRs, IPv4 or IPv6, to refuse in any case
#              ZCBOT_SLOT      set in a warm slot: what is to be seen in /workspace

set -euo pipefail
set -f
export PATH=/usr/sbin:/usr/bin LC_ALL=C
cd /

source /usr/local/lib/zcbot/firewall.sh
# Nothing but the last line's exec ends this script without a reason of its own.
trap 'fail "init.sh ended before the rules were in force"' EXIT

# Says that the sandbox is ready, and how, then waits for its end.
#
# A warm slot has no workspace yet. It is worth something only if mounts that the worker makes from
# now on show in here, so it waits to see one: a directory with one entry, whose name it was told.
idle() {
  local ready=zcbot-sandbox i
  if [[ -n ${ZCBOT_SLOT-} ]]; then
    for ((i = 0; ; i++)); do
      [[ ! -e /workspace/$ZCBOT_SLOT ]] || break
      ((i < 500)) || fail 'what the worker mounts after the start does not show in the container'
      sleep 0.02
    done
    ready=zcbot-slot
  fi
  printf '%s ready %s\n' "$ready" "$1"
  exec sleep infinity
}

firewall=${ZCBOT_FIREWALL:-container}
egress=${ZCBOT_EGRESS:-public}
[[ $firewall == @(container|host|both) ]] || fail "ZCBOT_FIREWALL: '$firewall' is not a firewall mode"

# --- no network --------------------------------------------------------------------------------

if [[ $egress == none ]]; then
  while IFS=' :' read -r interface _; do
    [[ $interface == @(Inter-*|face|face*|lo) ]] || fail "egress is none, but there is an interface $interface"
  done </proc/net/dev
  idle network=none
fi

# What iptables-save prints is compared as text, so addresses go in as it prints them: host bits
# cleared, IPv6 as inet_ntop writes it. Each sets REPLY, and refuses what is not an address.

canonical4() { # address prefix
  local IFS=. octet n=0 mask
  local -a octets
  [[ $1 =~ ^[0-9]{1,3}(\.[0-9]{1,3}){3}$ && $2 =~ ^(0|[1-9][0-9]?)$ ]] || return 1
  (($2 <= 32)) || return 1
  read -ra octets <<<"$1"
  for octet in "${octets[@]}"; do
    [[ $octet =~ ^(0|[1-9][0-9]*)$ ]] && ((octet <= 255)) || return 1
    n=$((n << 8 | octet))
  done
  mask=$((0xffffffff << (32 - $2) & 0xffffffff))
  n=$((n & mask))
  REPLY=$((n >> 24)).$((n >> 16 & 255)).$((n >> 8 & 255)).$((n & 255))/$2
}

canonical6() { # address prefix
  local address=$1 prefix=$2 left right group i j gap text='' best=-1 best_length=1 bits
  local -a groups=() tail=()
  [[ $address =~ ^[0-9A-Fa-f:.]+$ && $address == *:* && $prefix =~ ^(0|[1-9][0-9]?[0-9]?)$ ]] || return 1
  ((prefix <= 128)) || return 1
  if [[ $address == *.* ]]; then # the last 32 bits as a dotted quad
    right=${address##*:}
    canonical4 "$right" 32 || return 1
    local -a quad
    IFS=. read -ra quad <<<"$right"
    printf -v right '%x:%x' $((quad[0] << 8 | quad[1])) $((quad[2] << 8 | quad[3]))
    address=${address%:*}:$right
  fi
  left=${address%%::*}
  right=
  [[ $address != *::* ]] || right=${address#*::}
  [[ $left != *: && $right != *: && $right != *::* ]] || return 1
  IFS=: read -ra groups <<<"$left"
  IFS=: read -ra tail <<<"$right"
  gap=$((8 - ${#groups[@]} - ${#tail[@]}))
  if [[ $address == *::* ]]; then ((gap >= 1)) || return 1; else ((gap == 0)) || return 1; fi
  for ((i = 0; i < gap; i++)); do groups+=(0); done
  groups+=("${tail[@]}")
  for ((i = 0; i < 8; i++)); do
    group=${groups[i]}
    [[ $group =~ ^[0-9A-Fa-f]{1,4}$ ]] || return 1
    bits=$((prefix - 16 * i))
    ((bits >= 0)) || bits=0
    ((bits <= 16)) || bits=16
    groups[i]=$((16#$group & 0xffff << (16 - bits) & 0xffff))
  done
  for ((i = 0; i < 8; i++)); do # the first of the longest runs of zeros becomes ::
    for ((j = i; j < 8 && groups[j] == 0; j++)); do :; done
    if ((j - i > best_length)); then best=$i best_length=$((j - i)); fi
  done
  for ((i = 0; i < 8; i++)); do
    if ((i == best)); then
      text+=::
      i=$((i + best_length - 1))
      continue
    fi
    [[ -z $text || $text == *: ]] || text+=:
    if ((i == 6 && best == 0 && (best_length == 6 || (best_length == 5 && groups[5] == 0xffff)))); then
      text+=$((groups[6] >> 8)).$((groups[6] & 255)).$((groups[7] >> 8)).$((groups[7] & 255))
      break
    fi
    printf -v group '%x' "${groups[i]}"
    text+=$group
  done
  REPLY=$text/$prefix
}

# --- what this sandbox's network looks like ---------------------------------------------------

gateway4=
route4=
while read -r _ destination gateway _ _ _ _ mask _; do
  [[ $destination == 00000000 && $mask == 00000000 ]] || continue
  route4=yes
  [[ $gateway != 00000000 ]] || continue
  # /proc/net/route has the address in the host's byte order, which is little-endian here
  gateway4=$((16#${gateway:6:2})).$((16#${gateway:4:2})).$((16#${gateway:2:2})).$((16#${gateway:0:2}))
  break
done </proc/net/route

# IPv6 counts as off only if the kernel lacks it, or it is off and no interface has an address.
ipv6=disabled
gateway6=
if [[ -e /proc/net/if_inet6 ]]; then
  read -r ipv6_off </proc/sys/net/ipv6/conf/all/disable_ipv6 || ipv6_off=0
  ((ipv6_off == 1)) || ipv6=enabled
  while read -r _ _ _ _ _ interface; do
    [[ $interface == lo ]] || ipv6=enabled
  done </proc/net/if_inet6
fi
if [[ $ipv6 == enabled && -r /proc/net/ipv6_route ]]; then
  while read -r destination length _ _ next _ _ _ _ interface; do
    [[ $destination$length == 0000000000000000000000000000000000 && $interface != lo ]] || continue
    [[ $next != 00000000000000000000000000000000 ]] || continue
    gateway6=${next:0:4}:${next:4:4}:${next:8:4}:${next:12:4}:${next:16:4}:${next:20:4}:${next:24:4}:${next:28:4}
    break
  done </proc/net/ipv6_route
fi

# --- the host's rules --------------------------------------------------------------------------

# Sends the gateway a datagram to which the host's rules, and nothing else, answer "protocol
# unreachable", and waits for the error that this leaves on the socket. It normally is there before
# the wait begins. But kernels ration ICMP messages, for each address six and then one a second, and
# a sandbox before us may have used up what ours had; so only this one probe depends on them.
probe_gateway() {
  local seen attempt
  for attempt in {1..16}; do
    seen=$({ { printf x >&3 && read -rt 0.2 -u 3; } 3<>"/dev/udp/$gateway4/$witness_port" && echo 'an answer'; } 2>&1) || :
    [[ -z $seen ]] || break
  done
  [[ $seen == *': Protocol not available' ]] ||
    fail "the host's rules are not in force: probe of the gateway $gateway4: expected 'Protocol not available', but got '${seen:-no answer}'"
}

# Connects to what lies behind the host: its rules reset that at once. Without a route the host drops
# the packet before its rules see it, and says so.
probe_beyond() { # address
  local seen
  seen=$({ : 3<>"/dev/tcp/$1/9" && echo 'an answer'; } 2>&1) || :
  [[ $seen == *@(': Connection refused'|': Network is unreachable'|': No route to host')* ]] ||
    fail "the host's rules are not in force: probe of $1: expected 'Connection refused', but got '$seen'"
}

if [[ $firewall != container ]]; then
  [[ -n $gateway4 ]] || fail "the sandbox's network has no gateway to find the host's rules by"
  probe_gateway
  probe_beyond 169.254.169.254
fi
if [[ $firewall == host ]]; then
  idle firewall=host
fi

# --- the rules, in the very words of iptables-save --------------------------------------------

rules4='-A OUTPUT -o lo -j ACCEPT'
rules6='-A OUTPUT -o lo -j ACCEPT'
count4=1
count6=1
add4() { rules4+=$'\n'"-A OUTPUT $1" && count4=$((count4 + 1)); }
add6() { rules6+=$'\n'"-A OUTPUT $1" && count6=$((count6 + 1)); }
# Administratively prohibited: UDP sees it at once. A TCP connect sees it after 1 s, with the second
# SYN, since Linux drops the first message while the caller still holds the socket.
# iptables-save leaves out a destination that is everything.
refuse4() { add4 "${1:+-d $1 }-j REJECT --reject-with icmp-admin-prohibited"; }
refuse6() { add6 "${1:+-d $1 }-j REJECT --reject-with icmp6-adm-prohibited"; }

resolvers=()
[[ ${ZCBOT_DNS-} == off ]] || read_resolvers
for resolver in ${resolvers[@]+"${resolvers[@]}"}; do
  resolver=${resolver%%%*}
  if canonical4 "$resolver" 32; then
    [[ $REPLY != 127.* ]] || continue
    add4 "-d $REPLY -p udp -m udp --dport 53 -j ACCEPT"
    add4 "-d $REPLY -p tcp -m tcp --dport 53 -j ACCEPT"
  elif canonical6 "$resolver" 128; then
    add6 "-d $REPLY -p udp -m udp --dport 53 -j ACCEPT"
    add6 "-d $REPLY -p tcp -m tcp --dport 53 -j ACCEPT"
  fi # else host(...), or nothing one could send to: stays closed
done
if [[ ${ZCBOT_DNS-} == off ]]; then
  for transport in udp tcp; do
    add4 "-p $transport -m $transport --dport 53 -j REJECT --reject-with icmp-admin-prohibited"
    add6 "-p $transport -m $transport --dport 53 -j REJECT --reject-with icmp6-adm-prohibited"
  done
fi

for type in 133 135 136; do # neighbour discovery, without which IPv6 has no next hop
  add6 "-p ipv6-icmp -m icmp6 --icmpv6-type $type -j ACCEPT"
done

[[ -z $gateway4 ]] || refuse4 "$gateway4/32"
if [[ -n $gateway6 ]]; then
  canonical6 "$gateway6" 128
  refuse6 "$REPLY"
fi

# Calls a function with the canonical form of each entry; a destination that is everything is empty.
each() { # variable's name, function for IPv4, function for IPv6, entries...
  local name=$1 for4=$2 for6=$3 entry address prefix
  shift 3
  for entry; do
    address=${entry%%/*}
    prefix=
    [[ $entry != */* ]] || prefix=${entry#*/}
    if [[ $entry == */ ]]; then
      fail "$name: '$entry' is not an IPv4 or IPv6 address or CIDR"
    elif canonical4 "$address" "${prefix:-32}"; then
      [[ $REPLY != */0 ]] || REPLY=
      "$for4" "$REPLY"
    elif canonical6 "$address" "${prefix:-128}"; then
      [[ $REPLY != */0 ]] || REPLY=
      "$for6" "$REPLY"
    else
      fail "$name: '$entry' is not an IPv4 or IPv6 address or CIDR"
    fi
  done
}
accept4() { add4 "${1:+-d $1 }-j ACCEPT"; }
accept6() { add6 "${1:+-d $1 }-j ACCEPT"; }

split "${ZCBOT_PG_IPS-}"
each ZCBOT_PG_IPS refuse4 refuse6 ${entries[@]+"${entries[@]}"}
for range in "${never4[@]}"; do refuse4 "$range"; done
for range in "${never6[@]}"; do refuse6 "$range"; done
if [[ $egress == public ]]; then
  for range in "${private4[@]}"; do refuse4 "$range"; done
  for range in "${private6[@]}"; do refuse6 "$range"; done
else
  split "$egress"
  each ZCBOT_EGRESS accept4 accept6 ${entries[@]+"${entries[@]}"}
  refuse4 ''
  refuse6 ''
fi

# --- set, read back, try -----------------------------------------------------------------------

# Adds one family's rules in one transaction and checks that the kernel then has exactly them;
# PROBLEM says what was wrong. Neither flushing nor naming a chain's policy is what makes this fast:
# a transaction that replaces something ends only after an RCU grace period, 10 ms and more. The
# namespace is new, so there is nothing to flush, and if there were, the comparison would tell.
# nf_tables only: the legacy interface needs a raw socket, thus CAP_NET_RAW, which we don't have.
PROBLEM=
install_rules() { # iptables|ip6tables rules
  local saved line found=''
  if ! saved=$("$1-nft-restore" --noflush 2>&1 <<<"*filter"$'\n'"$2"$'\nCOMMIT') ||
    ! saved=$("$1-nft-save" -t filter 2>&1); then
    PROBLEM="$1: ${saved%%$'\n'*}"
    return 1
  fi
  while read -r line; do
    [[ $line != -A\ * ]] || found+=${found:+$'\n'}$line
  done <<<"$saved"
  if [[ $found != "$2" || $saved != *$'\n:OUTPUT ACCEPT '* ]]; then
    PROBLEM="$1: the kernel's rules are not those that were set"
    return 1
  fi
}

# Sends to an address that must be refused. With the rules in force the first write fails at once
# with EPERM, and the second with the error that the refusal's ICMP message left on the socket. An
# answer, silence or any other error means that the packet passed, or went missing for a reason that
# is not our rules. Without a route nothing can be sent, and nothing shows.
probe() { # address, the second error, route?
  local seen
  seen=$({ { printf x || :; printf x || :; } >"/dev/udp/$1/9"; } 2>&1) || :
  case $3:$seen in
    *': Operation not permitted'*": $2") ;;
    :*': Network is unreachable') ;;
    :*': Cannot assign requested address') ;;
    *) fail "probe of $1: expected 'Operation not permitted', then '$2', but got '${seen:-no error}'" ;;
  esac
}

install_rules iptables "$rules4" || fail "$PROBLEM"
if install_rules ip6tables "$rules6"; then
  [[ $ipv6 == disabled ]] || ipv6=$count6
elif [[ $ipv6 == enabled ]]; then
  fail "IPv6 is enabled and $PROBLEM"
fi

probe 169.254.169.254 'No route to host' "$route4"
[[ -z $gateway4 ]] || probe "$gateway4" 'No route to host' "$route4"
[[ $ipv6 == disabled ]] || probe fd00:ec2::254 'Permission denied' "$gateway6"

idle "firewall=$firewall ipv4=$count4 ipv6=$ipv6"
