# SPDX-License-Identifier: Apache-2.0
# What the firewall inside a sandbox (init.sh) and the one on its host (host-firewall.sh) share, so
# that there is one list and not two. To be sourced.

# Never reached, whatever an allow-list says: this host, loopback that does not leave through lo,
# link-local with the clouds' metadata and the metadata addresses elsewhere, multicast, reserved.
never4=(0.0.0.0/8 100.100.100.200/32 127.0.0.0/8 168.63.129.16/32 169.254.0.0/16 224.0.0.0/4 240.0.0.0/4)
# The same for IPv6, and each form that carries an IPv4 address inside.
never6=(::/96 ::ffff:0.0.0.0/96 64:ff9b::/96 64:ff9b:1::/48 2001::/32 2002::/16 fd00:ec2::254/128
  fe80::/10 ff00::/8)
# Private, shared, special purpose, benchmark: not public, but an allow-list may name parts of them.
private4=(10.0.0.0/8 100.64.0.0/10 172.16.0.0/12 192.0.0.0/24 192.168.0.0/16 198.18.0.0/15)
private6=(fc00::/7 fec0::/10)

# The host's rules answer a datagram to this port of the gateway in a way that nothing else does:
# "protocol unreachable".
witness_port=9

# Reads what resolv.conf makes a container ask, into the array resolvers. On a user-defined network
# it names only the engine's own, on 127.0.0.11, which forwards from inside the sandbox's network
# namespace, so its upstreams must be let out as well. Those it marks host(...) it asks from the
# host's namespace.
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

fail() {
  local reason=${1//[[:cntrl:]]/ }
  trap - EXIT
  printf 'zcbot-sandbox failed: %s\n' "${reason:0:400}"
  exit 1
}
