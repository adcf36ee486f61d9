#!/bin/bash -p
# First process of a sandbox in the `container` firewall mode. It closes the way to every private
# network, checks that the kernel took the rules, says so in one line on stdout, and idles.
#
#   zcbot-sandbox ready firewall=container ipv4=<rules> ipv6=<rules|disabled>
#   zcbot-slot ready ...                                            (the same, of a warm slot)
#   zcbot-sandbox failed: <reason>                                  (and a non-zero exit)
#
# The worker announces a sandbox only after the first line, so all that goes wrong here must end in
# the second. Start latency counts: bash built-ins read and compute, and the only programs started
# are one restore and one save for each address family.
#
# Environment: ZCBOT_PG_IPS  addresses or CIDRs, IPv4 or IPv6, to refuse besides the private ranges
#              ZCBOT_SLOT    of a warm slot: what shows in /workspace once a mount made later does

set -euo pipefail
set -f
export PATH=/usr/sbin:/usr/bin LC_ALL=C
cd /

fail() {
  local reason=${1//[[:cntrl:]]/ }
  trap - EXIT
  printf 'zcbot-sandbox failed: %s\n' "${reason:0:400}"
  exit 1
}
# Nothing but the last line's exec ends this script without a reason of its own.
trap 'fail "init.sh ended before the rules were in force"' EXIT

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

# Resolvers. On a user-defined network resolv.conf names only the engine's own, on 127.0.0.11, which
# forwards from inside this network namespace, so its upstreams must be let out as well. Those it
# marks host(...) it asks from the host's namespace.
resolvers=()
if [[ -r /etc/resolv.conf ]]; then
  while read -r -a words; do
    if [[ ${words[0]-} == nameserver ]]; then
      resolvers+=("${words[1]-}")
    elif [[ "${words[*]}" =~ ^#\ ExtServers:\ \[(.*)\]$ ]]; then
      read -r -a words <<<"${BASH_REMATCH[1]}"
      resolvers+=(${words[@]+"${words[@]}"})
    fi
  done </etc/resolv.conf
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

for type in 133 135 136; do # neighbour discovery, without which IPv6 has no next hop
  add6 "-p ipv6-icmp -m icmp6 --icmpv6-type $type -j ACCEPT"
done

[[ -z $gateway4 ]] || refuse4 "$gateway4/32"
if [[ -n $gateway6 ]]; then
  canonical6 "$gateway6" 128
  refuse6 "$REPLY"
fi

pg_ips=()
IFS=$', \t\n' read -r -d '' -a pg_ips <<<"${ZCBOT_PG_IPS-}" || :
for entry in ${pg_ips[@]+"${pg_ips[@]}"}; do
  [[ -n $entry ]] || continue
  address=${entry%%/*}
  prefix=
  [[ $entry != */* ]] || prefix=${entry#*/}
  if [[ $entry == */ ]]; then
    fail "ZCBOT_PG_IPS: '$entry' is not an IPv4 or IPv6 address or CIDR"
  elif canonical4 "$address" "${prefix:-32}"; then
    [[ $REPLY != */0 ]] || REPLY=
    refuse4 "$REPLY"
  elif canonical6 "$address" "${prefix:-128}"; then
    [[ $REPLY != */0 ]] || REPLY=
    refuse6 "$REPLY"
  else
    fail "ZCBOT_PG_IPS: '$entry' is not an IPv4 or IPv6 address or CIDR"
  fi
done

# Private, link-local (cloud metadata), shared, loopback that does not leave through lo, the
# providers' metadata addresses outside those ranges, benchmark, multicast, reserved.
for range in 0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 168.63.129.16/32 169.254.0.0/16 \
  172.16.0.0/12 192.0.0.0/24 192.168.0.0/16 198.18.0.0/15 224.0.0.0/4 240.0.0.0/4; do
  refuse4 "$range"
done
# The same for IPv6, and each form that carries an IPv4 address inside.
for range in ::/96 ::ffff:0.0.0.0/96 64:ff9b::/96 64:ff9b:1::/48 2001::/32 2002::/16 fc00::/7 \
  fe80::/10 fec0::/10 ff00::/8; do
  refuse6 "$range"
done

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

# A warm slot has no workspace yet. It is worth something only if mounts that the worker makes from
# now on show in here, so it waits to see one: a directory with one entry, whose name it was told.
ready=zcbot-sandbox
if [[ -n ${ZCBOT_SLOT-} ]]; then
  for ((i = 0; ; i++)); do
    [[ ! -e /workspace/$ZCBOT_SLOT ]] || break
    ((i < 500)) || fail 'what the worker mounts after the start does not show in the container'
    sleep 0.02
  done
  ready=zcbot-slot
fi

printf '%s ready firewall=container ipv4=%s ipv6=%s\n' "$ready" "$count4" "$ipv6"
exec sleep infinity
