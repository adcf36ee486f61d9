#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# The only way out of a network whose sandboxes may reach names. It runs as a user of its own without a capability,
# in the host's network namespace, where the host's rules (host-firewall.sh) redirect to it, on the gateway of the
# sandboxes' bridge:
#
#   port 61080  every TCP connection to an address that is not listed itself: HAProxy reads the name from the TLS client
#               hello (which passes through as it is) or from the Host of a request, looks it up itself, and connects to
#               the address that it has checked. The address that the sandbox chose is never used.
#   port 61053  DNS: dnsmasq answers allowed names with one address that means "by name", all others with NXDOMAIN,
#               and asks nobody.
#
# It prints one line when both serve, then one for each refusal, and ends if one of the two does:
#
#   zcbot-sandbox ready egress=names
#   zcbot-sandbox failed <code>: <reason>                           (and a non-zero exit)
#   refused <source address> <tls|http|tcp|dns> <port> <name or -> <reason>
#   policy <number> <ok|failed: reason>                             (answers a line of the input, below)
#   suppressed <number>               so many refusals have no line: in each second, 10 of a source and 100 of all do
#
# Environment: ZCBOT_GATEWAY    IPv4 address of the bridge
#              ZCBOT_NAMES      names that may be reached: NAME, NAME:PORT, *.NAME (every name below it) or *.NAME:PORT.
#                               Without a port: 443 (TLS) and 80 (HTTP)
#              ZCBOT_EGRESS     addresses or CIDRs, also with a port, that names may have though they are private
#              ZCBOT_PG_IPS     addresses or CIDRs to refuse in any case
#              ZCBOT_RESOLVERS  resolvers to ask for addresses; empty for those of resolv.conf

# A sandbox reaches nothing until a line of the input has said what it may reach of these names (policies.sh).

set -euo pipefail
set -f
export PATH=/usr/sbin:/usr/bin LC_ALL=C
# shellcheck source=sandbox-image/firewall.sh
source "${ZCBOT_FIREWALL_LIB:-/usr/local/lib/zcbot/firewall.sh}"
# shellcheck source=sandbox-image/egress/policies.sh
source "${ZCBOT_POLICIES_LIB:-/usr/local/lib/zcbot/policies.sh}"
trap 'fail ended "egress.sh ended before it served"' EXIT

lib=/usr/local/lib/zcbot
run=${ZCBOT_EGRESS_RUN:-/run/zcbot}
most_of_source=10
most_of_all=100
# of one sandbox at a time; each can hold a buffer of the kernel on either side
most_connections=128
# HTTP requests of one sandbox in ten seconds; each costs a look-up
most_requests=5000
refusal='return status 403 content-type text/plain lf-string "This sandbox may not reach %[var(txn.name)] on port %[dst_port]: %[var(txn.why)]" if { var(txn.why) -m found }'
name_pattern='^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,62})\.)+[a-z0-9-]{1,63}(:[1-9][0-9]{0,4})?$'

# Writes the names, as HAProxy and dnsmasq read them.
write_names() {
  local entry name ports port answers=''
  local -a entries
  : >"$run/names"
  : >"$run/domains"
  split "${ZCBOT_NAMES-}"
  ((${#entries[@]} > 0)) || fail settings "ZCBOT_NAMES: says of no name that it may be reached"
  for entry in "${entries[@]}"; do
    [[ $entry =~ $name_pattern && ${#entry} -le 253 ]] || fail settings "ZCBOT_NAMES: '$entry' is not a name"
    name=${entry%%:*}
    ports='80 443'
    [[ $entry != *:* ]] || ports=${entry##*:}
    for port in $ports; do
      if [[ $name == '*.'* ]]; then
        printf '%s:%s\n' "${name#\*}" "$port" >>"$run/domains"
      else
        printf '%s:%s\n' "$name" "$port" >>"$run/names"
      fi
    done
    if [[ $name == '*.'* ]]; then
      # the second line answers questions of other types, with nothing
      answers+="address=/$name/$by_name"$'\n'"address=/$name/"$'\n'
    else
      answers+="host-record=$name,$by_name"$'\n'
    fi
  done
  printf '%s' "$answers" >"$run/answers"
}

# Writes lists of addresses for HAProxy.
write_addresses() {
  local entry
  local -a entries
  printf '%s\n' "${never4[@]}" >"$run/never"
  printf '%s\n' "${private4[@]}" >"$run/private"
  : >"$run/refused"
  split "${ZCBOT_PG_IPS-}"
  for entry in ${entries[@]+"${entries[@]}"}; do
    family ZCBOT_PG_IPS "$entry"
    [[ $REPLY != ip ]] || printf '%s\n' "$entry" >>"$run/refused"
  done
}

# Prints the rules that look a name up, check its address and make it the destination.
vet() { # tcp-request content|http-request
  local entry address port
  local -a entries
  printf '  %s do-resolve(txn.address,outside,ipv4) var(txn.name)\n' "$1"
  printf '  %s set-var(txn.why) str(not-found) if !{ var(txn.address) -m found }\n' "$1"
  split "${ZCBOT_EGRESS-}"
  for entry in ${entries[@]+"${entries[@]}"}; do
    split_port "$entry"
    family ZCBOT_EGRESS "$address"
    [[ $REPLY == ip ]] || continue
    printf '  %s set-var(txn.listed) bool(true) if { var(txn.address) -m ip %s }%s\n' \
      "$1" "$address" "${port:+ { dst_port $port \}}"
  done
  printf '  %s set-var(txn.why) str(private-address) if { var(txn.address) -m ip -f %s } !{ var(txn.listed) -m bool }\n' \
    "$1" "$run/private"
  # HAProxy asks for IPv6 addresses of names without others, and compares them with no list
  printf '  %s set-var(txn.why) str(forbidden-address) if { var(txn.address) -m sub : }\n' "$1"
  printf '  %s set-var(txn.why) str(forbidden-address) if { var(txn.address) -m ip -f %s }\n' \
    "$1" "$run/never" "$1" "$run/refused"
}

# Prints the rules that judge a name.
judge() { # tcp-request content|http-request
  printf '  %s %s\n' \
    "$1" 'set-var(txn.port) dst_port' \
    "$1" 'set-var(txn.key) var(txn.name),concat(:,txn.port)' \
    "$1" "set-var(txn.why) str(not-allowed) if !{ var(txn.why) -m found } !{ var(txn.key) -m str -f $run/names } !{ var(txn.key) -m end -f $run/domains }" \
    "$1" "set-var(txn.policy) src,map_str($run/policies)" \
    "$1" 'set-var(txn.why) str(no-policy) if !{ var(txn.why) -m found } !{ var(txn.policy) -m found }' \
    "$1" 'set-var(txn.why) str(narrowed) if !{ var(txn.why) -m found } !{ var(txn.policy) -m str -- * } !{ lua.in_policy -m str yes }' \
    "$1" 'set-var(txn.why) str(address) if { var(txn.name) -m reg ^[0-9.]+$ }' \
    "$1" 'set-var(txn.why) str(no-name) if { var(txn.name) -m str -- - }' \
    "$1" 'set-var(txn.why) str(bad-name) if !{ var(txn.name) -m reg ^(-|[a-z0-9_.-]{1,253})$ }' \
    "$1" 'set-var(txn.name) str(?) if { var(txn.why) -m str bad-name }'
}

write_haproxy() {
  local entry number=0 connections
  local -a entries
  connections=$(ulimit -Hn)
  [[ $connections =~ ^[0-9]+$ && $connections -lt 50000 ]] || connections=50000
  connections=$((connections / 3)) # each takes two descriptors, and those that are spliced a pipe
  {
    printf '%s\n' \
      'global' \
      '  log stdout len 1024 format raw local0' \
      "  maxconn $connections" \
      '  thread-hard-limit 4' \
      '  tune.buffers.limit 16384' \
      '  noreuseport' \
      '  tune.rcvbuf.client 131072' \
      '  tune.rcvbuf.server 131072' \
      '  tune.sndbuf.client 131072' \
      '  tune.sndbuf.server 131072' \
      "  lua-load-per-thread $lib/hello.lua" \
      "  lua-load-per-thread $lib/policy.lua" \
      "  stats socket unix@$run/control mode 600 level admin" \
      '  stats timeout 1h' \
      'defaults' \
      '  log global' \
      '  timeout connect 10s' \
      '  timeout client 1h' \
      '  timeout server 1h' \
      '  timeout tunnel 1h' \
      '  timeout client-fin 1m' \
      '  timeout server-fin 1m' \
      '  timeout http-request 10s' \
      '  timeout http-keep-alive 1m' \
      '  log-format "refused %ci %[var(txn.kind)] %[dst_port] %[var(txn.name)] %[var(txn.why)]"' \
      '  option splice-auto' \
      'resolvers outside' \
      '  accepted_payload_size 4096' \
      '  resolve_retries 3' \
      '  timeout resolve 1s' \
      '  timeout retry 1s' \
      '  hold valid 5s' \
      '  hold nx 1s' \
      '  hold other 1s'
    split "${ZCBOT_RESOLVERS-}"
    for entry in ${entries[@]+"${entries[@]}"}; do
      family ZCBOT_RESOLVERS "$entry"
      printf '  nameserver r%d %s:53\n' "$number" "$entry"
      number=$((number + 1))
    done
    ((number > 0)) || printf '  parse-resolv-conf\n'
    # The rules are evaluated anew whenever data arrives, until they know the protocol and have the whole hello.
    printf '%s\n' \
      'frontend sandboxes' \
      "  bind $ZCBOT_GATEWAY:$proxy_port" \
      '  mode tcp' \
      '  stick-table type ip size 64k expire 1m store conn_cur' \
      '  tcp-request connection track-sc0 src' \
      '  tcp-request inspect-delay 5s' \
      '  tcp-request content set-var(txn.kind) str(tcp)' \
      '  tcp-request content set-var(txn.name) str(-)' \
      "  tcp-request content set-var(txn.why) str(connections) if { sc0_conn_cur gt $most_connections }" \
      '  tcp-request content reject if { var(txn.why) -m found }' \
      '  tcp-request content set-var(txn.kind) str(tls) if { req.ssl_hello_type 1 }' \
      '  tcp-request content set-var(txn.kind) str(http) if !{ var(txn.kind) -m str tls } HTTP' \
      '  tcp-request content set-var(txn.kind) str(tcp) if { req.payload(0,3) -m str PRI }' \
      '  tcp-request content set-var(txn.why) str(protocol) if { var(txn.kind) -m str tcp }' \
      '  tcp-request content set-var(txn.why) str(protocol) if { var(txn.kind) -m str http } { dst_port 443 }' \
      '  tcp-request content set-var(txn.why) str(protocol) if { var(txn.kind) -m str tls } { dst_port 80 }' \
      '  tcp-request content reject if { var(txn.why) -m found }' \
      '  tcp-request content set-log-level silent if { var(txn.kind) -m str http }' \
      '  tcp-request content accept if { var(txn.kind) -m str http }' \
      '  tcp-request content set-var(txn.name) req.ssl_sni,lower if { req.ssl_sni -m len 1:255 }' \
      '  tcp-request content set-var(txn.hello) lua.hello_problem if !{ var(txn.name) -m str -- - }' \
      '  tcp-request content set-var(txn.why) str(hello) if !{ var(txn.hello) -m str ok } !{ var(txn.name) -m str -- - }' \
      '  tcp-request content set-var(txn.why) str(ech) if { var(txn.hello) -m str ech }'
    judge 'tcp-request content'
    printf '  tcp-request content reject if { var(txn.why) -m found }\n'
    vet 'tcp-request content'
    printf '%s\n' \
      '  tcp-request content reject if { var(txn.why) -m found }' \
      '  tcp-request content set-dst var(txn.address)' \
      '  tcp-request content set-log-level silent' \
      '  use_backend requests if { var(txn.kind) -m str http }' \
      '  default_backend outside' \
      'backend outside' \
      '  mode tcp' \
      '  server outside 0.0.0.0:0' \
      'backend requests' \
      '  mode tcp' \
      "  server requests unix@$run/requests send-proxy-v2" \
      'frontend requests' \
      "  bind unix@$run/requests accept-proxy mode 600" \
      '  mode http' \
      '  option disable-h2-upgrade' \
      '  stick-table type ip size 64k expire 1m store http_req_rate(10s)' \
      '  http-request set-var(txn.kind) str(http)' \
      '  http-request set-var(txn.name) str(-)' \
      '  http-request track-sc1 src' \
      "  http-request set-var(txn.why) str(requests) if { sc1_http_req_rate gt $most_requests }" \
      '  http-request reject if { var(txn.why) -m found }' \
      '  http-request set-var(txn.name) req.hdr(host),host_only,lower if { req.hdr_cnt(host) eq 1 } { req.hdr(host),host_only -m len 1:255 }' \
      '  http-request set-var(txn.why) str(protocol) if METH_CONNECT || !{ url -m beg / }'
    judge http-request
    printf '  http-request %s\n' "$refusal"
    vet http-request
    printf '  http-request %s\n' \
      "$refusal" \
      'set-dst var(txn.address)' \
      'set-log-level silent'
    printf '%s\n' \
      '  default_backend web' \
      'backend web' \
      '  mode http' \
      '  http-reuse never' \
      '  option http-server-close' \
      '  server web 0.0.0.0:0'
  } >"$run/haproxy.cfg"
}

write_dnsmasq() {
  {
    printf '%s\n' \
      "port=$names_port" \
      "listen-address=$ZCBOT_GATEWAY" \
      bind-interfaces \
      user=egress \
      group=egress \
      no-resolv \
      no-hosts \
      no-poll \
      cache-size=0 \
      local-ttl=60 \
      log-queries=extra \
      log-async=100 \
      log-facility=- \
      "pid-file=$run/dnsmasq.pid" \
      'address=/#/'
    printf '%s\n' "$(<"$run/answers")"
  } >"$run/dnsmasq.conf"
}

# Runs a program, and says when it ends.
serve() { # name, command...
  local status=0
  "${@:2}" 2>&1 </dev/null || status=$?
  printf 'ended %s %s\n' "$1" "$status"
}

answers() { # port
  : 2>/dev/null 3<>"/dev/tcp/$ZCBOT_GATEWAY/$1"
}

# Prints refusals, and the ready line once both programs serve; ends when one of them does.
report() {
  local line second=-1 of_all=0 suppressed=0 ready='' pause=0.05 last='' deadline=$((SECONDS + 10)) source kind port name why status
  local -A of_source=() asked=()
  while :; do
    if [[ -z $ready ]] && answers "$proxy_port" && answers "$names_port"; then
      ready=yes
      pause=1
      trap - EXIT
      printf 'zcbot-sandbox ready egress=names\n'
    fi
    [[ -n $ready ]] || ((SECONDS < deadline)) || fail ended "the programs do not serve: ${last:-no message}"
    if ((second != EPOCHSECONDS)); then
      ((suppressed == 0)) || printf 'suppressed %d\n' "$suppressed"
      second=$EPOCHSECONDS of_all=0 suppressed=0 of_source=() asked=()
    fi
    status=0
    IFS= read -rt "$pause" line <&5 || status=$?
    ((status <= 128)) || continue
    ((status == 0)) || fail ended 'the programs ended'
    case $line in
      'refused '*) read -r _ source kind port name why <<<"$line" ;;
      'dnsmasq'*': '*' config '*' is NXDOMAIN')
        read -r _ _ source _ name _ <<<"$line"
        source=${source%/*} kind=dns port=53 why=not-allowed
        # programs ask for several types at once
        [[ -z ${asked[$source $name]-} ]] || continue
        asked[$source $name]=yes
        ;;
      'ended '*) fail ended "$line: $last" ;;
      *)
        [[ $last == '[ALERT]'* ]] || last=$line
        continue
        ;;
    esac
    [[ $port != "$proxy_port" ]] || continue # only this script comes without a redirection
    of_source[$source]=$((${of_source[$source]-0} + 1))
    if ((of_source[$source] > most_of_source || of_all >= most_of_all)); then
      suppressed=$((suppressed + 1))
    else
      of_all=$((of_all + 1))
      printf 'refused %s %s %s %.253s %.40s\n' "$source" "$kind" "$port" "${name//[!A-Za-z0-9._*?-]/?}" "$why"
    fi
  done
}

[[ ${ZCBOT_GATEWAY-} =~ $address4 && $ZCBOT_GATEWAY != */* ]] ||
  fail settings "ZCBOT_GATEWAY: '${ZCBOT_GATEWAY-}' is not the address of a gateway"
write_names
write_addresses
: >"$run/policies"
write_haproxy
write_dnsmasq
exec 6<&0 7>&1
exec 5< <(
  trap - EXIT
  serve haproxy haproxy -db -f "$run/haproxy.cfg" &
  serve dnsmasq dnsmasq --keep-in-foreground --conf-file="$run/dnsmasq.conf" &
  serve policies keep_policies &
  wait
)
report
