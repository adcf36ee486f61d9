#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# The first process of a sandbox. In the `container` firewall mode, it blocks every private network and checks
# that the kernel took the rules. In the `host` mode, it runs as the sandbox's user without a capability, so it
# can't set rules, and checks that the host's rules are in force. In the `both` mode, it does both. Without a
# network, it checks that there is none. It becomes the runner (runner/PROTOCOL.md), which reports the result in one
# line on stdout, and with which the worker then communicates over the standard streams. If it is root, the runner
# only reaps. If this script is not the first process, it sleeps instead.
#
#   zcbot-sandbox ready firewall=host
#   zcbot-sandbox ready firewall=<container|both> ipv4=<rules> ipv6=<rules|disabled>
#   zcbot-sandbox ready network=none
#   zcbot-slot ready ...                   the same, of a warm slot
#   zcbot-sandbox failed <code>: <reason>                           (and a non-zero exit)
#
# The worker announces a sandbox only after one of the ready lines, so every error here must end in the failed
# line. Start latency matters: bash built-ins read and compute, and the only programs started are two runs of
# nft for each address family, where this script sets rules.
#
# In a sandbox of an image that was not built from sandbox-image, a static bash runs it, and all that it uses is in
# /usr/local/lib/zcbot, which is mounted. It sets no rules there: nft would have to come from the image.
#
# Settings are arguments, NAME=VALUE, which are gone once the runner is the first process: commands must learn
# nothing about their surroundings. In the environment, commands of the engine (docker exec) would see them.
#
#   ZCBOT_FIREWALL  container, host or both; by default host, and as root container
#   ZCBOT_EGRESS    public, none, or the addresses or CIDRs that may be reached
#   ZCBOT_DNS       `off` refuses port 53 everywhere
#   ZCBOT_PG_IPS    addresses or CIDRs, IPv4 or IPv6, to refuse in any case
#   ZCBOT_SLOT      set in a warm slot: the path at which a mount of the worker must appear
#   ZCBOT_SEAL      set where the worker seals the network namespace after the start
#   ZCBOT_SMTP, ZCBOT_FLOWS, ZCBOT_FLOW_RATE, ZCBOT_BANDWIDTH
#                   for rules that this script sets, as in host-firewall.sh

set -euo pipefail
set -f
export PATH=/usr/local/lib/zcbot/bin:/usr/sbin:/usr/bin LC_ALL=C
cd /

# shellcheck source=sandbox-image/firewall.sh
source /usr/local/lib/zcbot/firewall.sh
# The script ends without its own reason only by the exec at its end.
trap 'fail ended "init.sh ended before the rules were in force"' EXIT

# Settings in the environment are neither used nor passed on.
unset "${!ZCBOT_@}"
for setting in "$@"; do
  [[ $setting == ZCBOT_@(FIREWALL|EGRESS|DNS|PG_IPS|SLOT|SEAL|SMTP|FLOWS|FLOW_RATE|BANDWIDTH)=* ]] || fail settings "'$setting' is not a setting"
  printf -v "${setting%%=*}" %s "${setting#*=}"
done

# Reports that the sandbox is ready, and how, then runs commands or waits for its end.
#
# A warm slot has no workspace yet. It is usable only if later mounts of the worker are visible in here. So it
# waits for one: a directory with one entry, whose path is in ZCBOT_SLOT.
idle() {
  local ready=zcbot-sandbox i
  if [[ -n ${ZCBOT_SLOT-} ]]; then
    for ((i = 0; ; i++)); do
      [[ ! -e $ZCBOT_SLOT ]] || break
      ((i < 500)) || fail mounts 'what the worker mounts after the start does not show in the container'
      sleep 0.02
    done
    ready=zcbot-slot
  fi
  # The workspace is mounted so that this user appears as its owner, unless the engine sees another mount. Root
  # needs no check. Neither does uid 1000, the owner on the disk, which all sandboxes run as if the worker gives
  # them no uids of their own.
  ((EUID == 0 || EUID == 1000)) || [[ -O ${ZCBOT_SLOT:-/workspace} ]] ||
    fail owner "/workspace shows as another user's, not as that of $EUID: the engine does not see what the worker mounts"
  ready+=" ready $1"
  # Behind an init of the engine, the runner would end with its standard input, and the sandbox with it.
  (($$ == 1)) || { printf '%s\n' "$ready" && exec sleep infinity; }
  # The runner reports that the sandbox is ready, or that the kernel loads no filter of system calls. As root, it
  # runs no commands.
  ((EUID != 0)) || exec /usr/local/lib/zcbot/zcbot-runner idle "$ready"
  exec /usr/local/lib/zcbot/zcbot-runner ready "$ready"
}

firewall=${ZCBOT_FIREWALL:-}
if [[ -z $firewall ]]; then
  ((EUID == 0)) && firewall=container || firewall=host
fi
egress=${ZCBOT_EGRESS:-public}
[[ $firewall == @(container|host|both) ]] || fail settings "ZCBOT_FIREWALL: '$firewall' is not a firewall mode"

# --- no network --------------------------------------------------------------------------------

if [[ $egress == none ]]; then
  while IFS=' :' read -r interface _; do
    [[ $interface == @(Inter-*|face|face*|lo) ]] || fail network "egress is none, but there is an interface $interface"
  done </proc/net/dev
  idle network=none
fi

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

# IPv6 counts as disabled only if the kernel lacks it, or it is off and no interface has an address.
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

# Sends the gateway a datagram that only the host's rules answer with "protocol unreachable", and waits for the
# error that this leaves on the socket. The error is normally there before the wait begins. But kernels limit
# the rate of ICMP messages, for each address to six and then one a second, and an earlier sandbox may have used
# up what this address had. So only this one probe depends on them.
probe_gateway() {
  local seen
  for _ in {1..16}; do
    seen=$({ { printf x >&3 && read -rt 0.2 -u 3; } 3<>"/dev/udp/$gateway4/$witness_port" && echo 'an answer'; } 2>&1) || :
    [[ -z $seen ]] || break
  done
  [[ $seen == *': Protocol not available' ]] ||
    fail host-rules "the host's firewall rules are not in force: probe of the gateway $gateway4: expected 'Protocol not available', but got '${seen:-no answer}'"
}

# Connects to an address behind the host, which the host's rules reset at once. Without a route, the host drops
# the packet before its rules see it, and reports that.
probe_beyond() { # address
  local seen
  seen=$({ : 3<>"/dev/tcp/$1/9" && echo 'an answer'; } 2>&1) || :
  [[ $seen == *@(': Connection refused'|': Network is unreachable'|': No route to host')* ]] ||
    fail host-rules "the host's firewall rules are not in force: probe of $1: expected 'Connection refused', but got '$seen'"
}

# Sends datagrams to a port of the engine's resolver until the namespace is sealed; then sending fails at once.
# Each datagram is refused in either way and leaves an error on the socket, which must be read before the next
# one. The worker begins to set the seal when the engine has reported the start. The waits read from a socket
# that never receives anything: a process for each wait would take the cores that other starts need.
probe_seal() {
  local seen='' deadline=$((SECONDS + 12))
  exec 3<>"/dev/udp/$engine_resolver/$witness_port" 4<>"/dev/udp/127.0.0.1/$witness_port"
  while ((SECONDS < deadline)); do
    if ! printf x >&3; then
      read -rt 0.002 -u 3 || :
      seen=$({ printf x >&3; } 2>&1) || :
    fi
    [[ $seen != *': Operation not permitted' ]] || break
    read -rt 0.002 -u 3 || :
    read -rt 0.005 -u 4 || :
  done 2>/dev/null
  exec 3>&- 4>&-
  [[ $seen == *': Operation not permitted' ]] ||
    fail host-rules "the network namespace was not sealed: probe of $engine_resolver: expected 'Operation not permitted', but got '${seen:-no error}' (a runtime with a network stack of its own can't be sealed: gVisor needs --network=host)"
}

if [[ $firewall != container ]]; then
  [[ -n $gateway4 ]] || fail network "the sandbox's network has no gateway to find the host's rules by"
  probe_gateway
  probe_beyond 169.254.169.254
fi
if [[ $firewall == host ]]; then
  [[ -z ${ZCBOT_SEAL-} ]] || probe_seal
  idle firewall=host
fi

# --- the rules --------------------------------------------------------------------------------

# "Administratively prohibited": UDP sees it at once. A TCP connect sees it after 1 s, with the second SYN,
# since Linux drops the first message while the caller still holds the socket.
declare -A refusal=([ip]='reject with icmp admin-prohibited' [ip6]='reject with icmpv6 admin-prohibited')
declare -A rules=() count=([ip]=0 [ip6]=0)
add() { # ip|ip6, rule, chain
  local chain=${3:-output}
  rules[$1 $chain]+=$'\t\t'$2$'\n'
  count[$1]=$((count[$1] + 1))
}
add_both() { add ip "$1" && add ip6 "$1"; }
accept() { # variable's name, addresses or CIDRs...
  local entry
  for entry in "${@:2}"; do
    family "$1" "$entry"
    add "$REPLY" "$REPLY daddr $entry accept"
  done
}
refuse() { # variable's name, addresses or CIDRs...
  local entry
  for entry in "${@:2}"; do
    family "$1" "$entry"
    add "$REPLY" "$REPLY daddr $entry ${refusal[$REPLY]}"
  done
}

make_early_rules ip "$gateway4" "${refusal[ip]}"
for rule in "${early_rules[@]}"; do add ip "$rule" early; done
make_early_rules ip6 "$gateway6" "${refusal[ip6]}"
for rule in "${early_rules[@]}"; do add ip6 "$rule" early; done
add ip "ip daddr $engine_resolver ${refusal[ip]}"
read_flow_limits
for limit in "${flow_limits[@]}"; do
  add ip "$limit ${refusal[ip]}"
  add ip6 "$limit ${refusal[ip6]}"
done
make_out_limits
for limit in "${out_limits[@]}"; do add_both "$limit"; done
for limit in "$packets_over" "$bytes_over"; do
  add ip "iifname != \"lo\" $limit drop" input
  add ip6 "iifname != \"lo\" $limit drop" input
done
add_both 'oifname "lo" accept'
add ip6 "icmpv6 type { $neighbour_discovery } accept"
add_both "$uncounted"
resolvers=()
[[ ${ZCBOT_DNS-} == off ]] || read_resolvers
for resolver in ${resolvers[@]+"${resolvers[@]}"}; do
  resolver=${resolver%%%*}
  # other entries, such as host(...), are no addresses to send to: they stay blocked
  [[ $resolver != 127.* && ($resolver =~ $address4 || $resolver =~ $address6) ]] || continue
  family resolv.conf "$resolver"
  add "$REPLY" "$REPLY daddr $resolver udp dport 53 accept"
  add "$REPLY" "$REPLY daddr $resolver tcp dport 53 accept"
done
# Of the public addresses, only the resolvers are asked for names. An allow-list opens all ports.
if [[ ${ZCBOT_DNS-} == off || $egress == public ]]; then
  for transport in udp tcp; do
    add ip "$transport dport 53 ${refusal[ip]}"
    add ip6 "$transport dport 53 ${refusal[ip6]}"
  done
fi
if [[ ${ZCBOT_SMTP-} != on ]]; then
  add ip "tcp dport 25 ${refusal[ip]}"
  add ip6 "tcp dport 25 ${refusal[ip6]}"
fi
refuse gateway ${gateway4:+"$gateway4"} ${gateway6:+"$gateway6"}
split "${ZCBOT_PG_IPS-}"
refuse ZCBOT_PG_IPS ${entries[@]+"${entries[@]}"}
refuse never "${never4[@]}" "${never6[@]}"
if [[ $egress == public ]]; then
  refuse private "${private4[@]}" "${private6[@]}"
else
  split "$egress"
  accept ZCBOT_EGRESS ${entries[@]+"${entries[@]}"}
  add ip "${refusal[ip]}"
  add ip6 "${refusal[ip6]}"
fi

# --- set, read back, try -----------------------------------------------------------------------

# Adds one family's rules in one transaction, and checks that the kernel then has exactly these. PROBLEM says
# what was wrong. nft echoes each rule that the kernel took, and lists the table in the same words, so nothing
# here depends on how an address is written. The namespace is new, so nothing is flushed; if there were other
# rules, the comparison would fail. A transaction that replaces something would end only after an RCU grace
# period, 10 ms and more.
PROBLEM=
install_rules() { # ip|ip6
  local said listed='' line early input output
  local -A taken=([early]='' [input]='' [output]='')
  local -i number=0
  early="table $1 zcbot {
	chain early {
		type filter hook output priority raw; policy accept;
"
  input="	}

	chain input {
		type filter hook input priority filter; policy accept;
"
  output="	}

	chain output {
		type filter hook output priority filter; policy accept;
"
  if ! said=$(nft -s -e -f - 2>&1 <<<"$early${rules[$1 early]}$input${rules[$1 input]}$output${rules[$1 output]}"$'\t}\n}') ||
    ! listed=$(nft -s list table "$1" zcbot 2>&1); then
    PROBLEM=${listed:-$said}
    PROBLEM="nft: ${PROBLEM%%$'\n'*}"
    return 1
  fi
  while IFS= read -r line; do
    [[ $line =~ ^add\ rule\ $1\ zcbot\ (early|input|output)\ (handle\ [0-9]+\ )?(.*)$ ]] || continue
    taken[${BASH_REMATCH[1]}]+=$'\t\t'${BASH_REMATCH[3]}$'\n'
    number+=1
  done <<<"$said"
  if ((number != count[$1])) || [[ $listed != "$early${taken[early]}$input${taken[input]}$output${taken[output]}"$'\t}\n}' ]]; then
    PROBLEM="nft: the kernel's rules of the family $1 are not those that were set"
    return 1
  fi
}

# Sends to an address that must be refused. With the rules in force, the first write fails at once with EPERM,
# and the second with the error that the refusal's ICMP message left on the socket. An answer, silence or any
# other error means that the packet passed, or was lost for another reason than our rules. Without a route
# nothing can be sent, so nothing can be checked.
probe() { # address, the second error, route?
  local seen
  seen=$({ { printf x || :; printf x || :; } >"/dev/udp/$1/9"; } 2>&1) || :
  case $3:$seen in
    *': Operation not permitted'*": $2") ;;
    :*': Network is unreachable') ;;
    :*': Cannot assign requested address') ;;
    *) fail rules "probe of $1: expected 'Operation not permitted', then '$2', but got '${seen:-no error}'" ;;
  esac
}

install_rules ip || fail rules "$PROBLEM"
make_name_chains
if [[ -n $name_chains ]]; then
  seen=$(nft -f - 2>&1 <<<"table ip zcbot_names {
$name_chains}") || fail rules "nft: ${seen%%$'\n'*}"
fi
if install_rules ip6; then
  [[ $ipv6 == disabled ]] || ipv6=${count[ip6]}
elif [[ $ipv6 == enabled ]] || nft add table ip6 zcbot 2>/dev/null; then # else the kernel has no IPv6
  fail rules "$PROBLEM"
fi

probe 169.254.169.254 'No route to host' "$route4"
[[ -z $gateway4 ]] || probe "$gateway4" 'No route to host' "$route4"
[[ $ipv6 == disabled ]] || probe fd00:ec2::254 'Permission denied' "$gateway6"

idle "firewall=$firewall ipv4=${count[ip]} ipv6=$ipv6"
