# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # what those that source it use, and set
# Code and lists that the firewall inside a sandbox (init.sh) and the one on its host (host-firewall.sh) share.
# To be sourced.

# Always refused, whatever an allow-list says: this host, loopback that does not leave through lo, link-local
# with the clouds' metadata and the metadata addresses elsewhere, multicast, reserved.
never4=(0.0.0.0/8 100.100.100.200/32 127.0.0.0/8 168.63.129.16/32 169.254.0.0/16 224.0.0.0/4 240.0.0.0/4)
# The same for IPv6, and each form that contains an IPv4 address.
never6=(::/96 ::ffff:0.0.0.0/96 64:ff9b::/96 64:ff9b:1::/48 2001::/32 2002::/16 fd00:ec2::254/128
  fe80::/10 ff00::/8)
# Private, shared, special purpose, benchmark: not public, but an allow-list may name parts of them.
private4=(10.0.0.0/8 100.64.0.0/10 172.16.0.0/12 192.0.0.0/24 192.168.0.0/16 198.18.0.0/15)
private6=(fc00::/7 fec0::/10)

# Where egress is by name: the address that stands for every name, and the ports of the gateway at which the proxy and
# its resolver (egress/egress.sh) serve. They are above the range from which the kernel takes ports by itself.
by_name=198.18.0.1
proxy_port=61080
proxy_user=61080
names_port=61053

# Only the host's rules answer a datagram to this port of the gateway with "protocol unreachable".
witness_port=9

# Without these messages, IPv6 has no next hop.
neighbour_discovery='nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert'

# The address of the engine's own resolver in each sandbox's network namespace. It reveals the names of all
# sandboxes, and works outside of every limit, so nothing reaches it: packets to its port 53, which resolv.conf
# names, are sent to one of the upstream resolvers instead.
engine_resolver=127.0.0.11

# Sets name_chains, for the namespace of a sandbox, from the array resolvers. The chains require the sysctl
# route_localnet there: the packets have a loopback address until they leave.
make_name_chains() {
  local resolver number=0 map='' to
  for resolver in ${resolvers[@]+"${resolvers[@]}"}; do
    [[ $resolver =~ $address4 && $resolver != 127.* ]] || continue
    map+="${map:+, }$number : $resolver"
    number=$((number + 1))
  done
  name_chains=
  ((number > 0)) || return 0
  to="dnat to numgen inc mod $number map { $map }"
  name_chains="	chain names {
		type nat hook output priority dstnat - 10; policy accept;
		ip daddr $engine_resolver udp dport 53 $to
		ip daddr $engine_resolver tcp dport 53 $to
	}
	chain names_source {
		type nat hook postrouting priority srcnat - 10; policy accept;
		oifname != \"lo\" ip saddr 127.0.0.0/8 masquerade
	}
"
}

# Sets early_rules, for the namespace of a sandbox. They come before the connection tracking there, in which
# flows are counted. It must not see packets that the host's connection tracking does not see: if the end of a
# flow went to the loopback or to a neighbour that does not exist, it would consider a flow ended that the host
# remembers for days. So the loopback is not tracked, except for DNS queries and for ICMP errors, which belong
# to other flows; and what leaves goes to the gateway. Each other next hop would also take a place in the
# kernel's neighbour table.
make_early_rules() { # ip|ip6, gateway or nothing, statement that refuses
  local icmp=icmp
  early_rules=()
  if [[ $1 == ip ]]; then
    early_rules=("ip daddr $engine_resolver return")
  else
    icmp=icmpv6
    early_rules=("icmpv6 type { $neighbour_discovery } return")
  fi
  early_rules+=("oifname \"lo\" meta l4proto != $icmp notrack"
    "oifname \"lo\" $icmp type echo-request notrack")
  [[ -z $2 ]] || early_rules+=("oifname != \"lo\" rt nexthop != $2 $3")
}

# Sets the array flow_limits to matches of what must not pass. Connections and UDP flows to the outside are each
# counted once: by the first packet, which the kernel has not confirmed yet. DNS queries are counted, too. At
# this point they still appear to go to the loopback, and so do their refusals.
read_flow_limits() {
  local first='ct direction original ct status & confirmed != confirmed'
  local flows=${ZCBOT_FLOWS:-4096} rate=${ZCBOT_FLOW_RATE:-100}
  [[ $flows =~ ^[1-9][0-9]{0,6}$ ]] || fail settings "ZCBOT_FLOWS: '$flows' is not a number of flows"
  [[ $rate =~ ^[1-9][0-9]{0,5}$ ]] || fail settings "ZCBOT_FLOW_RATE: '$rate' is not a number of flows"
  flow_limits=("$first limit rate over $rate/second burst $((5 * rate)) packets"
    "$first ct count over $flows")
}

# Sets packets_over, bytes_over and queries_over to matches of what exceeds a sandbox's share: of the host's uplink,
# in packets and bytes, and of its resolvers. DNS queries are counted by their bytes, since a segment of TCP holds
# several of them. A new flow may carry 256 bytes, which are two queries of usual length.
read_rates() {
  local rate=${ZCBOT_FLOW_RATE:-100} bytes=${ZCBOT_BANDWIDTH:-52428800}
  [[ $rate =~ ^[1-9][0-9]{0,5}$ ]] || fail settings "ZCBOT_FLOW_RATE: '$rate' is not a number of flows"
  [[ $bytes =~ ^[1-9][0-9]{3,8}$ ]] || fail settings "ZCBOT_BANDWIDTH: '$bytes' is not a number of bytes per second"
  packets_over="limit rate over $((bytes / 1024))/second burst $((bytes * 5 / 1024)) packets"
  bytes_over="limit rate over $bytes bytes/second burst $((bytes * 5)) bytes"
  queries_over="limit rate over $((256 * rate)) bytes/second burst $((256 * rate * 5)) bytes"
}

# Sets the array out_limits, for the namespace of a sandbox, to rules that drop what exceeds its share. Traffic on
# the loopback is untracked, or of no flow, and has no share. DNS queries are tracked.
make_out_limits() {
  local counted='ct state established,related,new'
  read_rates
  out_limits=("$counted th dport 53 $queries_over drop" "$counted $packets_over drop" "$counted $bytes_over drop")
}

# Packets that connection tracking does not know, such as ICMP's extended echo, are not counted, so they are
# dropped.
uncounted='ct state invalid,untracked drop'

# Reads the resolvers of resolv.conf into the array resolvers. On a user-defined network it names only the
# engine's own, on 127.0.0.11. That one forwards from inside the sandbox's network namespace, so its upstreams
# must be let out as well. It asks those marked host(...) from the host's namespace.
read_resolvers() {
  local -a words
  resolvers=()
  [[ -r /etc/resolv.conf ]] || return 0
  while read -r -a words; do
    if [[ ${words[0]-} == nameserver ]]; then
      resolvers+=("${words[1]-}")
    elif [[ "${words[*]}" =~ ^#\ ExtServers:\ \[(.*)\]$ ]]; then
      read -r -a words <<<"${BASH_REMATCH[1]}"
      resolvers+=(${words[@]+"${words[@]}"})
    fi
  done </etc/resolv.conf
}

# Splits a list at commas and white space, into the array entries.
split() {
  entries=()
  IFS=$', \t\n' read -r -d '' -a entries <<<"$1" || :
}

# Splits an entry of an allow-list, an address or CIDR that may have a port, into the variables address and port.
split_port() {
  address=$1
  port=
  if [[ $1 =~ ^([^:]+):([1-9][0-9]{0,4})$ ]] && ((BASH_REMATCH[2] < 65536)); then
    address=${BASH_REMATCH[1]}
    port=${BASH_REMATCH[2]}
  fi
}

# Patterns of addresses and CIDRs in the one unambiguous notation: nft would look names up, and read leading
# zeros as octal.
octet='(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'
address4="^$octet(\\.$octet){3}(/(3[0-2]|[12]?[0-9]))?\$"
address6='^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?$'

family() { # variable's name, address or CIDR: sets REPLY to ip or ip6
  if [[ $2 =~ $address4 ]]; then
    REPLY=ip
  elif [[ $2 =~ $address6 ]]; then
    REPLY=ip6
  else
    fail settings "$1: '$2' is not an IPv4 or IPv6 address or CIDR"
  fi
}

# Ends with a line that tells the worker why. The worker acts on the code, and shows the reason:
#
#   settings    a variable has an invalid value
#   network     the network does not match the settings
#   host-rules  the host's firewall rules, or those that the worker sets in the sandbox's network
#               namespace, are not in force
#   rules       rules could not be set, or do not do what they should
#   mounts      what the worker mounts is not visible in the container
#   owner       the workspace does not appear as owned by the sandbox's user
#   filter      the kernel loads no filter of system calls, as the runner says
#   ended       the script ended unexpectedly
fail() { # code, reason
  local reason=${2//[[:cntrl:]]/ }
  trap - EXIT
  printf 'zcbot-sandbox failed %s: %s\n' "$1" "${reason:0:400}"
  exit 1
}
