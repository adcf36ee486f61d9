#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# The firewall of the `host` and `both` modes: rules on the sandboxes' bridge in the host's network
# namespace. Runs in a short-lived container with host network and CAP_NET_ADMIN, and ends with one
# line on stdout:
#
#   zcbot-sandbox ready table=<name> rules=<count> found=<none|same|other>
#   zcbot-sandbox ready resolvers=<addresses>
#   zcbot-sandbox failed <code>: <reason>                           (and a non-zero exit)
#
#   set        sets the rules in one transaction, whatever was there before; `found` tells what was
#   watch      fails as soon as the rules are not those that `set` set, whichever worker did that; ends
#              without a message when its standard input ends
#   print      prints the rules and sets nothing
#   seal       reads lines with a process id and the IPv4 gateway of its network, seals the network
#              namespace of each process and prints `sealed <id>`, `gone <id>` or `failed <id>:
#              <reason>`, until its input ends
#   print-seal prints the rules of a seal for a gateway and sets nothing
#   resolvers  prints the resolvers that containers ask, from resolv.conf: to be run on the sandboxes' network
#
# The table belongs to the worker alone. Its base hooks come before those of the engine. A drop or reject there
# is final, whatever other rules say, and neither `iptables -F` nor a restart of the engine changes it. Each
# packet from a sandbox is judged by its destination, never by its connection: when the rules come back after a
# flush, they end connections that began meanwhile.
#
# A seal is a table in a sandbox's own network namespace. It is for packets that never come to the bridge, or
# burden others before they do: it covers the engine's resolver, the neighbours' addresses, the number of flows
# and what they carry. Sandboxes have no capability to change it. The helper must see the host's processes.
#
# Environment: ZCBOT_BRIDGE     the bridge's interface
#              ZCBOT_SUBNETS    its subnets, IPv4 and IPv6
#              ZCBOT_RESOLVERS  resolvers that sandboxes may ask on port 53, whatever their addresses
#              ZCBOT_DNS        `off` refuses port 53 everywhere
#              ZCBOT_EGRESS     `public`, or the addresses or CIDRs that may be reached; with names, also with a port
#                               (TCP), or nothing
#              ZCBOT_BY_NAME    `on`: connections to all other addresses go to the proxy, and DNS queries to its resolver
#              ZCBOT_PG_IPS     addresses or CIDRs to refuse in any case
#              ZCBOT_SMTP       `on` opens port 25
#              ZCBOT_POLICY     a name for all of these settings
#              ZCBOT_OWNER      the worker's id, which is shown to workers with another policy
#              ZCBOT_FLOWS      of a seal: maximum of a sandbox's connections and UDP flows at a time
#              ZCBOT_FLOW_RATE  maximum of new ones per second
#              ZCBOT_BANDWIDTH  maximum of bytes per second, out and in

set -euo pipefail
set -f
export PATH=/usr/sbin:/usr/bin LC_ALL=C
# shellcheck source=sandbox-image/firewall.sh
source "${ZCBOT_FIREWALL_LIB:-/usr/local/lib/zcbot/firewall.sh}"
trap 'fail ended "host-firewall.sh ended before the rules were set"' EXIT

egress=
add() { egress+=$'\t\t'$1$'\n'; }
toward() { # variable's name, address or CIDR, statement
  family "$1" "$2"
  add "$REPLY daddr $2 $3"
}

# Sets RULES. There is one rule for each address, and no sets of them: the elements of a set must not overlap, but
# configured addresses may. The sets are for the shares of the sandboxes, by their IPv4 addresses, which they can't
# change. They have no others.
make_rules() {
  local entry bridge=$ZCBOT_BRIDGE sources='' l2='' sets='' redirected='' to_proxy='' names=53 address port
  local -a entries resolvers
  [[ $bridge =~ ^[A-Za-z0-9_.-]{1,15}$ ]] || fail settings "ZCBOT_BRIDGE: '$bridge' is not the name of an interface"
  [[ ${ZCBOT_POLICY-} =~ ^[A-Za-z0-9]{1,64}$ ]] || fail settings "ZCBOT_POLICY: '${ZCBOT_POLICY-}' is not a name"
  [[ ${ZCBOT_OWNER-} =~ ^[A-Za-z0-9._-]{1,128}$ ]] || fail settings "ZCBOT_OWNER: '${ZCBOT_OWNER-}' is not a worker's id"
  # With the policy, a comment may have 128 characters. Ids that are longer differ at one end or the other.
  ((${#ZCBOT_OWNER} <= 82)) || ZCBOT_OWNER=${ZCBOT_OWNER:0:41}${ZCBOT_OWNER: -41}
  table=zcbot_${bridge//[!A-Za-z0-9]/_}

  split "$ZCBOT_SUBNETS"
  ((${#entries[@]} > 0)) || fail settings "ZCBOT_SUBNETS: the network has none"
  for entry in "${entries[@]}"; do
    family ZCBOT_SUBNETS "$entry"
    sources+=$'\t\t'"$REPLY saddr $entry return"$'\n'
    l2+=$'\t\t'"$REPLY saddr $entry drop"$'\n\t\t'"$REPLY daddr $entry drop"$'\n'
    [[ $REPLY != ip ]] || l2+=$'\t\t'"arp saddr ip $entry drop"$'\n\t\t'"arp daddr ip $entry drop"$'\n'
  done

  read_rates
  for entry in queries packets_out bytes_out packets_in bytes_in; do
    sets+="	set $entry {
		type ipv4_addr
		size 65536
		flags dynamic,timeout
		timeout 1m
	}
"
  done

  local asked=''
  split "${ZCBOT_RESOLVERS-}"
  for entry in ${entries[@]+"${entries[@]}"}; do
    toward ZCBOT_RESOLVERS "$entry" 'udp dport 53 accept'
    toward ZCBOT_RESOLVERS "$entry" 'tcp dport 53 accept'
  done
  asked=$egress
  # Of the public addresses, only the resolvers are asked for names. An allow-list opens all ports.
  if [[ ${ZCBOT_DNS-} == off || $ZCBOT_EGRESS == public ]]; then
    add 'udp dport 53 jump refuse'
    add 'tcp dport 53 jump refuse'
  fi
  [[ ${ZCBOT_SMTP-} == on ]] || add 'tcp dport 25 jump refuse'
  add 'ct status dnat jump refuse'
  split "${ZCBOT_PG_IPS-}"
  for entry in ${entries[@]+"${entries[@]}"}; do
    toward ZCBOT_PG_IPS "$entry" 'jump refuse'
  done
  for entry in "${never4[@]}" "${never6[@]}"; do toward never "$entry" 'jump refuse'; done
  if [[ $ZCBOT_EGRESS == public ]]; then
    for entry in "${private4[@]}" "${private6[@]}"; do toward private "$entry" 'jump refuse'; done
    add accept
  else
    split "$ZCBOT_EGRESS"
    [[ ${ZCBOT_BY_NAME-} == on ]] || ((${#entries[@]} > 0)) || fail settings "ZCBOT_EGRESS: says of nothing that it may be reached"
    for entry in ${entries[@]+"${entries[@]}"}; do
      address=$entry port=
      [[ ${ZCBOT_BY_NAME-} != on ]] || split_port "$entry"
      toward ZCBOT_EGRESS "$address" "${port:+tcp dport $port }accept"
    done
    add 'jump refuse'
  fi
  [[ ${ZCBOT_BY_NAME-} != on ]] || make_redirection

  # A refused TCP connection is reset: its caller knows at once, and resets are not rate-limited as ICMP
  # messages are. The bridge table comes after the inet table, which sees packets through br_netfilter and
  # answers them. The bridge table is for hosts where br_netfilter is off, and for ARP. It matches addresses,
  # because not every kernel tells a frame's bridge.
  #
  # What leaves is counted in the seal as well, where it takes the sandbox's own time. But a datagram that the
  # kernel splits (UDP_SEGMENT) is one packet there. Setting the rules again gives each sandbox another burst.
  RULES="table inet $table {
${sets}	chain about {
		return comment \"policy=$ZCBOT_POLICY owner=$ZCBOT_OWNER\"
	}
	chain refuse {
		meta l4proto tcp reject with tcp reset
		reject with icmpx admin-prohibited
	}
	chain share_out {
		th dport $names update @queries { ip saddr $queries_over } drop
		update @packets_out { ip saddr $packets_over } drop
		update @bytes_out { ip saddr $bytes_over } drop
	}
	chain share_in {
		update @packets_in { ip daddr $packets_over } drop
		update @bytes_in { ip daddr $bytes_over } drop
	}
	chain source {
${sources}		ip6 saddr fe80::/10 return
		drop
	}
	chain egress {
${egress}	}
	chain input {
		type filter hook input priority filter - 10; policy accept;
		iifname \"$bridge\" jump to_host
	}
	chain to_host {
		icmpv6 type { $neighbour_discovery } accept
		jump source
		jump share_out
${asked}${to_proxy}		meta nfproto ipv4 udp dport $witness_port reject with icmp prot-unreachable
		jump refuse
	}
	chain forward {
		type filter hook forward priority filter - 10; policy accept;
		iifname \"$bridge\" oifname \"$bridge\" jump refuse
		iifname \"$bridge\" jump source
		iifname \"$bridge\" jump share_out
		iifname \"$bridge\" jump egress
		oifname \"$bridge\" jump share_in
		oifname \"$bridge\" ct state established,related ct direction reply accept
		oifname \"$bridge\" drop
	}
${redirected}}
table bridge $table {
	chain forward {
		type filter hook forward priority 200; policy accept;
${l2}	}
}"
}

# Sets redirected, names and to_proxy. What the rules refuse whatever a policy says is not redirected, so that it is
# refused at once. Without the proxy nothing listens at its ports, and nothing passes.
make_redirection() {
  local entry rules='' never=''
  names="{ 53, $names_port }"
  for entry in ${entries[@]+"${entries[@]}"}; do
    split_port "$entry"
    family ZCBOT_EGRESS "$address"
    rules+=$'\t\t'"$REPLY daddr $address ${port:+tcp dport $port }return"$'\n'
  done
  rules+="		ip daddr $by_name udp dport 53 redirect to :$names_port
		ip daddr $by_name tcp dport 53 redirect to :$names_port
		tcp dport { 25, 53 } return
		ip daddr $by_name meta l4proto tcp redirect to :$proxy_port
"
  split "${ZCBOT_PG_IPS-}"
  for entry in ${entries[@]+"${entries[@]}"} "${never4[@]}" "${private4[@]}"; do
    family ZCBOT_PG_IPS "$entry"
    rules+=$'\t\t'"$REPLY daddr $entry return"$'\n'
  done
  # What HAProxy has not to reach either, if its own checks fail.
  split "${ZCBOT_PG_IPS-}"
  for entry in ${entries[@]+"${entries[@]}"} "${never4[@]}"; do
    family ZCBOT_PG_IPS "$entry"
    never+=$'\t\t'"$REPLY daddr $entry jump refuse"$'\n'
  done
  redirected="	chain redirect_in {
		type nat hook prerouting priority dstnat - 10; policy accept;
		iifname \"$bridge\" jump by_name
	}
	chain by_name {
${rules}		ip protocol tcp redirect to :$proxy_port
	}
	chain proxy_out {
		type filter hook output priority filter - 10; policy accept;
		oifname \"$bridge\" jump share_in
		meta skuid $proxy_user meta l4proto tcp ct direction original jump proxy_reach
	}
	chain proxy_reach {
		meta nfproto ipv6 jump refuse
		tcp dport { 53, $names_port, $proxy_port } accept
		oifname \"$bridge\" jump refuse
		ct status dnat jump refuse
		fib daddr type local jump refuse
${never}	}
"
  to_proxy="		ct status dnat tcp dport { $names_port, $proxy_port } accept
		ct status dnat udp dport $names_port accept
"
}

in_kernel() {
  nft -s -t list table inet "$table" 2>/dev/null || :
  nft -s -t list table bridge "$table" 2>/dev/null || :
}

# Sets REPLY to the rules without the worker that set them: workers with the same policy may share a network.
without_owner() { # text
  REPLY=$1
  [[ ! $1 =~ \ owner=[A-Za-z0-9._-]+ ]] || REPLY=${1/"${BASH_REMATCH[0]}"/}
}

count_rules() { # text
  local line
  REPLY=0
  while IFS= read -r line; do
    [[ $line != $'\t\t'* ]] || REPLY=$((REPLY + 1))
  done <<<"$1"
}

# Deletes the tables of bridges that no longer exist.
clear_stale() {
  local family line bridge present=' '
  set +f
  for bridge in /sys/class/net/*; do
    bridge=${bridge##*/}
    present+="zcbot_${bridge//[!A-Za-z0-9]/_} "
  done
  set -f
  while read -r _ family line; do
    [[ $line != zcbot_* || $present == *" $line "* ]] || nft delete table "$family" "$line" || :
  done <<<"$(nft list tables)"
}

set_rules() {
  local before after problem found=none count
  [[ -e /sys/class/net/$ZCBOT_BRIDGE ]] || fail network "the host has no interface $ZCBOT_BRIDGE: is the engine on another machine's network?"
  before=$(in_kernel)
  if [[ $before =~ policy=([A-Za-z0-9]+)\ owner=([A-Za-z0-9._-]+) && ${BASH_REMATCH[1]} != "$ZCBOT_POLICY" && ${BASH_REMATCH[2]} != "$ZCBOT_OWNER" ]]; then
    fail rules "worker ${BASH_REMATCH[2]} has set rules of another policy on this network; give workers that share a network the same policy, or each a network of its own (ZCBOT_SANDBOX_NETWORK). If that worker is gone for good: nft delete table inet $table"
  fi
  # Adds the tables before deleting them: deleting a missing table would fail.
  problem=$(nft -f - 2>&1 <<<"table inet $table
delete table inet $table
table bridge $table
delete table bridge $table
$RULES") || fail rules "nft: ${problem%%$'\n'*}"
  after=$(in_kernel)
  without_owner "$before"
  before=$REPLY
  without_owner "$after"
  after=$REPLY
  [[ -z $before ]] || found=other
  [[ $before != "$after" ]] || found=same
  count_rules "$RULES"
  count=$REPLY
  count_rules "$after"
  [[ $count == "$REPLY" ]] || fail rules "the kernel has $REPLY rules of the $count that were set"
  clear_stale
  trap - EXIT
  printf 'zcbot-sandbox ready table=%s rules=%s found=%s\n' "$table" "$count" "$found"
}

is_gateway() { [[ $1 =~ $address4 && $1 != */* ]]; }

# Sets SEAL.
make_seal() { # gateway
  local entry early='' limits='' name_chains
  local -a entries resolvers=() flow_limits out_limits early_rules
  is_gateway "$1" || fail settings "'$1' is not the address of a gateway"
  read_flow_limits
  make_out_limits
  split "${ZCBOT_RESOLVERS-}"
  [[ ${ZCBOT_DNS-} == off ]] || resolvers=(${entries[@]+"${entries[@]}"})
  make_name_chains
  make_early_rules ip "$1" 'jump refuse'
  for entry in "${early_rules[@]}"; do early+=$'\t\t'"$entry"$'\n'; done
  for entry in "${flow_limits[@]}"; do limits+=$'\t\t'"$entry jump refuse"$'\n'; done
  for entry in "${out_limits[@]}"; do limits+=$'\t\t'"$entry"$'\n'; done
  SEAL="table ip zcbot {
	chain refuse {
		meta l4proto tcp reject with tcp reset
		reject with icmp admin-prohibited
	}
	chain early {
		type filter hook output priority raw; policy accept;
${early}	}
${name_chains}	chain output {
		type filter hook output priority filter; policy accept;
		ip daddr $engine_resolver jump refuse
${limits}		oifname \"lo\" accept
		$uncounted
	}
}"
}

# Runs in the namespace. Runtimes with their own kernel do not set the requested sysctls. The kernel splits datagrams
# (UDP_SEGMENT) before they leave, so that the bridge counts each one. It splits what TCP sends (GSO) later, so the
# segments must not be small.
# shellcheck disable=SC2016 # expanded there
enter='for each in conf/all/route_localnet=1 tcp_min_snd_mss=448; do
  [[ $(</proc/sys/net/ipv4/${each%=*}) == "${each#*=}" ]] || echo "${each#*=}" >"/proc/sys/net/ipv4/${each%=*}" || exit 1
done
ethtool -K eth0 tx-udp-segmentation off >/dev/null || exit 1
exec nft -f -'

seal() { # process id, gateway
  local problem namespace=/proc/$1/ns/net
  if [[ ! $1 =~ ^[1-9][0-9]{0,9}$ ]]; then
    printf 'failed 0: not a process id\n'
  elif [[ $namespace -ef /proc/1/ns/net ]]; then
    printf "failed %s: it is in the host's network namespace\n" "$1"
  elif ! is_gateway "$2"; then
    printf "failed %s: '%s' is not the address of a gateway\n" "$1" "${2//[[:cntrl:]]/ }"
  elif make_seal "$2" && problem=$(nsenter --net="$namespace" /bin/bash -pc "$enter" 2>&1 <<<"$SEAL"); then
    printf 'sealed %s\n' "$1"
  elif [[ ! -e $namespace ]]; then
    printf 'gone %s\n' "$1"
  else
    problem=${problem%%$'\n'*}
    printf 'failed %s: %s\n' "$1" "${problem//[[:cntrl:]]/ }"
  fi
}

# Fails within milliseconds of any change in the kernel that makes the rules differ. The kernel reports all
# changes, so the rules are compared once no more arrive for a moment. They are also compared at intervals
# without a change, since the first changes may have come before nft listened.
watch_rules() {
  local before i
  without_owner "$(in_kernel)"
  before=$REPLY
  count_rules "$RULES"
  i=$REPLY
  count_rules "$before"
  ((i == REPLY)) || fail rules "the rules are gone, or others"
  exec 4< <(exec nft monitor 2>/dev/null </dev/null)
  while :; do
    without_owner "$(in_kernel)"
    [[ $REPLY == "$before" ]] || fail rules "the rules are gone, or others"
    read -rt 5 -u 4 || (($? > 128)) || fail ended "nft does not tell of changes any more"
    for ((i = 0; i < 1000; i++)); do read -rt 0.01 -u 4 || break; done
    # the worker writes nothing, so there is something to read only once it is gone
    ! read -rt 0 -u 0 || break
  done
  trap - EXIT
}

case ${1-} in
  set)
    make_rules
    set_rules
    ;;
  watch)
    make_rules
    watch_rules
    ;;
  print)
    make_rules
    trap - EXIT
    printf '%s\n' "$RULES"
    ;;
  seal)
    make_seal 192.0.2.1 # fails if a setting is invalid
    # affects this container only; where it is refused, no sysctl can be set
    mount -o remount,bind,rw /proc/sys || :
    trap - EXIT
    printf 'zcbot-sandbox ready seal=yes\n'
    while read -r process gateway; do seal "$process" "$gateway"; done
    ;;
  print-seal)
    make_seal "${2-}"
    trap - EXIT
    printf '%s\n' "$SEAL"
    ;;
  resolvers)
    read_resolvers
    trap - EXIT
    printf 'zcbot-sandbox ready resolvers=%s\n' "$(IFS=, && echo "${resolvers[*]-}")"
    ;;
  *) fail settings "usage: zcbot-host-firewall set|watch|print|seal|print-seal|resolvers" ;;
esac
