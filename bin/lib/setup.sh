# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Finds or makes what every script in bin/ needs: JDK, Maven, engine, images, jars. To be sourced.
#
# Each step prints what it does in a line that starts with ==>, and is quick if there is nothing to do. Nothing
# is left outside target/ but the engine's images and, if this starts an engine, its log. If something is
# missing and can't be installed, the script ends with exit code 69 and the command to install it.

((BASH_VERSINFO[0] >= 5)) || {
  echo "bash 5 or newer is needed, this is $BASH_VERSION" >&2
  exit 69
}

root=$(cd -P "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
setup_dir=$root/target/setup
base_image=debian:trixie-slim
sandbox_image=zcbot-sandbox:latest
interpreter_image=zcbot-sandbox-interpreter:latest
firewall_image=zcbot-firewall:latest
egress_image=zcbot-egress:latest
[[ $(<"$root/pom.xml") =~ \<kafka\.version\>([0-9.]+)\< ]]
kafka_version=${BASH_REMATCH[1]}
kafka_image=zcbot-kafka:$kafka_version
oldest_kafka=4.0.2
real_kafka_image=apache/kafka:$kafka_version
worker_image=zcbot-worker:latest
worker_base=zcbot-worker-base:latest
engine_log=/var/log/zcbot-dockerd.log

# --- progress ----------------------------------------------------------------------------------

say() { printf '==> %s\n' "$*" >&2; }
note() { printf '    %s\n' "$*" >&2; }
die() { # exit code, lines
  local code=$1
  shift
  # shellcheck disable=SC2034 # for the summary of bin/test
  died_of=$1
  printf '!!! %s\n' "$@" >&2
  exit "$code"
}

begin() {
  step_name=$1
  say "$1"
  step_started=${EPOCHREALTIME/[.,]/}
}
end() {
  local ms=$(((${EPOCHREALTIME/[.,]/} - step_started) / 1000))
  printf '    %s (%d.%d s)\n' "${beside:+$step_name: }$1" $((ms / 1000)) $((ms % 1000 / 100)) >&2
}
# If not empty: another step works at the same time, so that lines name theirs.
beside=

# Says that a command still runs, until it is killed or the script has ended. It starts no process that would
# outlive it.
say_so() {
  local began=$SECONDS never
  trap - INT # bash would ignore it here
  exec {never}<> <(:)
  while ! read -rt 15 -u "$never" && kill -0 $$ 2>/dev/null; do
    note "${step_name-$1}: working for $((SECONDS - began)) s"
  done
}

# Runs a command with its output in a log, and says every 15 s that it still runs.
watched() { # log name, command...
  local log=$setup_dir/$1.log code=0 teller
  say_so "$1" &
  teller=$!
  shift
  "$@" >"$log" 2>&1 </dev/null || code=$?
  kill "$teller" 2>/dev/null || :
  wait "$teller" 2>/dev/null || :
  return "$code"
}

# Does so, and shows the log's end if it fails.
logged() { # log name, command...
  local log=$setup_dir/$1.log code=0
  watched "$@" || code=$?
  shift
  ((code != 0)) || return 0
  note "failed (exit code $code): $*"
  tail -n 40 "$log" | sed 's/^/    | /' >&2
  return "$code"
}

# Only one setup works in this checkout at a time. Processes that may outlive this script (an engine that it
# starts, or that a package's installation starts) must not inherit the lock: as_root closes it.
setup_lock() { # --shared for what may be done beside the same of others
  local lock=$setup_dir/lock holder=
  may_write_setup
  exec {setup_lock_fd}>>"$lock"
  if ! flock "${1---exclusive}" -n "$setup_lock_fd"; then
    read -r holder <"$lock" || :
    say "Waiting for another setup in this checkout, of process ${holder:-unknown}"
    flock "${1---exclusive}" -w 1800 "$setup_lock_fd" ||
      die 75 "The other setup in this checkout, of process ${holder:-unknown}, did not end in half an hour." \
        "End it if it hangs."
  fi
  echo "$$ (${0##*/})" >"$lock"
}
# After 'sudo bin/run' or the like, root owns what was built.
may_write_setup() {
  local owned
  if mkdir -p "$setup_dir" 2>/dev/null && [[ -w $setup_dir && (! -e $setup_dir/lock || -w $setup_dir/lock) ]]; then
    return
  fi
  mapfile -t owned < <(find "$root" -type d -name target -prune ! -uid "$EUID" -print 2>/dev/null)
  die 69 "$setup_dir is not open to user $(id -un), as after 'sudo bin/run'." \
    "Become the owner of what was built:  sudo chown -R $(id -un)$(printf ' %q' "${owned[@]:-$root/target}")"
}
setup_unlock() {
  exec {setup_lock_fd}>&-
  setup_lock_fd=
}
setup_lock_fd=

# --- packages ----------------------------------------------------------------------------------

can_be_root() { ((EUID == 0)) || sudo -n true 2>/dev/null; }
as_root() {
  local sudo=()
  ((EUID == 0)) || sudo=(sudo -n)
  if [[ -n $setup_lock_fd ]]; then
    "${sudo[@]}" "$@" {setup_lock_fd}>&-
  else
    "${sudo[@]}" "$@"
  fi
}
as_root_if_can() {
  if can_be_root; then as_root "$@"; else "$@"; fi
}

apt_install() { # what it is for, packages...
  local purpose=$1
  shift
  local command="apt-get install --no-install-recommends $*"
  if ! command -v apt-get >/dev/null || ! can_be_root; then
    die 69 "$purpose is missing, and can't be installed from here (needs apt-get, and root or passwordless sudo)." \
      "Install it, on Debian with:  sudo $command"
  fi
  note "installing $*"
  # Two steps may work at the same time, and only one of them can use apt.
  local apt=(flock -o -w 600 "$setup_dir/apt.lock" env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=300)
  local install=("${apt[@]}" install --no-install-recommends "$@")
  # Without package lists, or with old ones, the first try fails.
  watched apt as_root "${install[@]}" && return
  logged apt as_root "${apt[@]}" update && logged apt as_root "${install[@]}" && return
  die 69 "$purpose could not be installed.  Tried: $command"
}

# --- JDK, Maven --------------------------------------------------------------------------------

is_jdk_25() { [[ -x $1/bin/javac && $("$1/bin/java" -version 2>&1) == *'version "25'* ]]; }

find_jdk() {
  local home on_path
  on_path=$(command -v javac || :)
  for home in "${JAVA_HOME-}" /usr/lib/jvm/*25* "$(dirname "$(dirname "$(readlink -f "${on_path:-/none/none}")")")"; do
    if [[ -n $home ]] && is_jdk_25 "$home"; then
      jdk=$home
      return
    fi
  done
  return 1
}

use_jdk() {
  export JAVA_HOME=$jdk
  # Silences this JDK's warnings about Maven's own libraries. These options are not in .mvn/jvm.config, since an
  # older JDK would not start with them, and could not report that a newer one is needed.
  [[ ${MAVEN_OPTS-} == *--sun-misc-unsafe-memory-access* ]] ||
    export MAVEN_OPTS="${MAVEN_OPTS-} --sun-misc-unsafe-memory-access=allow --enable-native-access=ALL-UNNAMED"
}

# Sets JAVA_HOME. The search takes a few JVM starts, so its result is kept for the next time.
setup_jdk() {
  local kept=$setup_dir/jdk asked=${JAVA_HOME-} kept_for=
  mkdir -p "$setup_dir"
  # The file also contains the JAVA_HOME of the search, which may be another JDK.
  [[ ! -r $kept ]] || { read -r jdk && read -r kept_for; } <"$kept" || :
  if [[ -n ${jdk-} && -x $jdk/bin/javac && $asked == @(|"$jdk"|"$kept_for") ]]; then
    use_jdk
    return
  fi
  begin "JDK 25"
  if ! find_jdk; then
    # The package's installation fails if there is no directory for manual pages, as in slim container images.
    [[ -d /usr/share/man/man1 ]] || ! can_be_root || as_root mkdir -p /usr/share/man/man1
    apt_install "JDK 25" openjdk-25-jdk-headless
    unset JAVA_HOME
    find_jdk || die 69 "openjdk-25-jdk-headless is installed, but no JDK 25 runs from /usr/lib/jvm/*25*"
  fi
  use_jdk
  { printf '%s\n' "$jdk" "$asked" >"$kept"; } 2>/dev/null || : # other users search each time
  end "$jdk"
}

setup_maven() {
  [[ -z ${maven_found-} ]] || return 0
  begin "Maven"
  local version
  maven_version() { (cd "$root" && mvn -q -B --version 2>/dev/null | grep -oEm1 '[0-9]+\.[0-9]+\.[0-9]+') || :; }
  is_new_maven() {
    local major minor
    IFS=. read -r major minor _ <<<"${1:-0.0.0}"
    ((major > 3 || (major == 3 && minor >= 9)))
  }
  version=$(maven_version)
  if [[ -z $version ]] && command -v apt-get >/dev/null && can_be_root; then
    apt_install Maven maven
    version=$(maven_version)
  fi
  if ! is_new_maven "$version"; then
    use_maven_wrapper
    version=$(maven_version)
  fi
  is_new_maven "$version" || die 69 "Maven 3.9 or newer is needed, but mvnw is of version '${version:-unknown}'."
  maven_found=$version
  end "$version"
}

# Uses Maven from Maven Central where none can be installed, or only an old one. Every script finds it as mvn.
use_maven_wrapper() {
  mkdir -p "$setup_dir/bin"
  printf '#!/bin/sh\nexec "%s" "$@"\n' "$root/mvnw" >"$setup_dir/bin/mvn"
  chmod +x "$setup_dir/bin/mvn"
  export PATH=$setup_dir/bin:$PATH
  # Without unzip, mvnw takes another file, and says that its checksum is wrong.
  [[ -d ${MAVEN_USER_HOME:-$HOME/.m2}/wrapper/dists ]] || command -v unzip >/dev/null ||
    apt_install "unzip, with which mvnw unpacks Maven," unzip
  # The first call downloads Maven.
  (cd "$root" && logged maven-wrapper timeout 300 mvn -B --version) ||
    die 69 "Maven 3.9 or newer is needed, and mvnw could not download it, see above." \
      "Install it, on Debian 13 or newer with:  sudo apt-get install --no-install-recommends maven"
}

maven() { (cd "$root" && mvn -B -ntp "$@" </dev/null); }

# --- engine ------------------------------------------------------------------------------------

engine_version() { timeout 20 docker version --format '{{.Server.Version}}' 2>/dev/null; }

# Testcontainers and the worker read DOCKER_HOST, but not the contexts of Docker's CLI. The CLI is asked only if
# a context was chosen, since every command of bin/sandbox would wait for it.
use_docker_context() {
  local context
  [[ -z ${DOCKER_HOST-} ]] || return 0
  [[ -n ${DOCKER_CONTEXT-} ]] || grep -qs '"currentContext"' "${DOCKER_CONFIG:-${HOME-}/.docker}/config.json" || return 0
  context=$(docker context show 2>/dev/null || echo default)
  if [[ $context != default ]]; then
    DOCKER_HOST=$(docker context inspect "$context" --format '{{.Endpoints.docker.Host}}')
    export DOCKER_HOST
  fi
}

setup_engine() {
  [[ -z ${engine_found-} ]] || return 0
  begin "Docker Engine"
  local version
  command -v docker >/dev/null || install_engine
  use_docker_context
  if ! version=$(engine_version); then
    [[ -z ${DOCKER_HOST-} || $DOCKER_HOST == unix:///var/run/docker.sock || $DOCKER_HOST == unix:///run/docker.sock ]] ||
      die 69 "No engine answers at DOCKER_HOST=$DOCKER_HOST. Start it, or unset DOCKER_HOST to use one on this machine."
    command -v dockerd >/dev/null || [[ -x /usr/sbin/dockerd ]] || install_engine
    start_engine
    version=$(engine_version) || die 69 "Docker Engine answered and then did not: see $engine_log"
  fi
  docker buildx version >/dev/null 2>&1 || apt_install "Docker's builder" docker-buildx
  engine_found=$version
  end "$version${DOCKER_HOST:+ at $DOCKER_HOST}"
}

install_engine() {
  apt_install "Docker Engine" docker.io docker-cli docker-buildx docker-compose iptables tini
}

start_engine() {
  local socket=/var/run/docker.sock
  if [[ -S $socket && ! -w $socket ]]; then
    die 69 "The engine's socket $socket is not open to user $(id -un)." \
      "Open it with:  sudo usermod -aG docker $(id -un)   and log in again."
  fi
  can_be_root || die 69 "Docker Engine is not running, and can't be started from here (needs root or passwordless sudo)." \
    "Start it, on most systems with:  sudo systemctl start docker"
  if [[ -d /run/systemd/system ]]; then
    note "starting the docker service"
    logged engine as_root systemctl start docker || die 69 "The docker service does not start: journalctl -u docker"
  else
    note "starting dockerd, log in $engine_log"
    # A user with sudo gets access to the socket through their group, without a change to the system.
    local group=()
    ((EUID == 0)) || group=("$(id -gn)")
    as_root bash "$root/bin/lib/dockerd.sh" "$engine_log" "${group[@]}"
  fi
  # After it was killed, the engine first checks its containers, which takes a while.
  local deadline=$((SECONDS + 120)) seen_alive=$SECONDS
  until engine_version >/dev/null; do
    ! grep -qsx dockerd /proc/[0-9]*/comm || seen_alive=$SECONDS
    if ((SECONDS >= deadline || SECONDS - seen_alive >= 5)); then
      as_root tail -n 40 "$engine_log" 2>/dev/null | sed 's/^/    | /' >&2
      die 69 "Docker Engine did not start. The end of its log is above."
    fi
    sleep 0.3
  done
}

# --- images ------------------------------------------------------------------------------------

has_image() { docker image inspect "$1" >/dev/null 2>&1; }

# If not empty: take today's base image and Debian packages, whatever exists or is cached.
fresh=
base_is_fresh=

setup_base_image() {
  if has_image "$base_image" && [[ -z $fresh || -n $base_is_fresh ]]; then
    return
  fi
  base_is_fresh=$fresh
  begin "Base image $base_image"
  local reason="no end within 45 s"
  if watched pull timeout --foreground 45 docker pull -q "$base_image"; then
    end "pulled"
    return
  elif (($? != 124)); then
    reason=$(tail -n 1 "$setup_dir/pull.log")
  fi
  note "can't be pulled ($reason): making it from Debian's packages"
  command -v mmdebstrap >/dev/null || {
    note "where a registry answers, pull it without a time limit instead:  docker pull $base_image"
    apt_install "mmdebstrap, which makes an image that can't be pulled ($reason)," mmdebstrap
  }
  local tar=$setup_dir/base.tar mode=(--mode=unshare)
  ! can_be_root || mode=(--mode=root)
  rm -f "$tar"
  # Leaves out the same files as the published slim image.
  logged base as_root_if_can mmdebstrap "${mode[@]}" --variant=minbase --include=ca-certificates \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    trixie "$tar" || die 69 "The base image could be neither pulled nor made."
  logged base docker import --change 'CMD ["bash"]' "$tar" "$base_image"
  as_root_if_can rm -f "$tar"
  end "made"
}

hash_of() { # files and directories, relative to the root; those that don't exist count as empty
  (
    cd "$root" || exit
    { find "$@" -type f -print0 2>/dev/null || :; } | LC_ALL=C sort -z | xargs -0r sha256sum
  ) | sha256sum | cut -d' ' -f1
}

# Builds an image, with the options of Docker's builder in $build_options, unless the existing one was made from
# the same files on the same base and $fresh is empty.
build_image() { # tag, context, dockerfile, inputs...
  local tag=$1 context=$2 dockerfile=$3 inputs old
  shift 3
  inputs=$(docker image inspect -f '{{.Id}}' "$base_image")-$(hash_of "$dockerfile" "$@")
  if [[ -z $fresh && $(docker image inspect -f '{{index .Config.Labels "zcbot.inputs"}}' "$tag" 2>/dev/null) == "$inputs" ]]; then
    return
  fi
  begin "Image $tag"
  old=$(docker image inspect -f '{{.Id}}' "$tag" 2>/dev/null || :)
  # shellcheck disable=SC2086 # options, one word each
  logged "image-${tag%%:*}" docker buildx build --load --progress=plain --label "zcbot.inputs=$inputs" \
    ${fresh:+--no-cache} ${build_options-} -t "$tag" -f "$root/$dockerfile" "$root/$context" || die 70 "Image $tag could not be built."
  # Removes the replaced image unless it has another name. That fails while it is in use.
  [[ -z $old || -n $(docker image inspect -f '{{join .RepoTags " "}}' "$old" 2>/dev/null) ]] ||
    docker image rm "$old" >/dev/null 2>&1 || :
  end "built"
}

setup_sandbox_image() {
  setup_base_image
  build_image "$sandbox_image" sandbox-image sandbox-image/Dockerfile sandbox-image
  build_image "$firewall_image" sandbox-image sandbox-image/firewall.Dockerfile sandbox-image/firewall.sh \
    sandbox-image/host-firewall.sh
  build_image "$egress_image" sandbox-image sandbox-image/egress.Dockerfile sandbox-image/firewall.sh sandbox-image/egress
}

# The sandbox image with the code interpreter of the gateway: 570 MB of packages more.
setup_interpreter_image() {
  build_options='--build-arg SYSTEM=interpreter' build_image "$interpreter_image" sandbox-image sandbox-image/Dockerfile \
    sandbox-image
}

# Chooses the Kafka image of the tests and of compose.yaml: the one in ZCBOT_TEST_KAFKA_IMAGE, else the real
# image if it is here (with ZCBOT_TEST_KAFKA_STANDIN=no, also if it can be pulled), else a stand-in made here.
setup_kafka_image() {
  local image=${ZCBOT_TEST_KAFKA_IMAGE:-$real_kafka_image}
  if ! has_image "$image"; then
    if [[ ${ZCBOT_TEST_KAFKA_STANDIN:-yes} == no || -n ${ZCBOT_TEST_KAFKA_IMAGE-} && $image != "$kafka_image" ]]; then
      begin "Kafka image $image"
      logged pull docker pull -q "$image" || die 69 "$image can't be pulled. Unset ZCBOT_TEST_KAFKA_IMAGE and ZCBOT_TEST_KAFKA_STANDIN to use a stand-in."
      end "pulled"
    else
      image=$kafka_image
    fi
  fi
  if [[ $image == "$kafka_image" ]]; then
    setup_base_image
    setup_jars kafka-image 'kafka-image/target/lib' pom.xml kafka-image/pom.xml
    build_image "$kafka_image" kafka-image kafka-image/Dockerfile kafka-image/run \
      kafka-image/logback.xml kafka-image/server.properties kafka-image/target/lib
  fi
  export ZCBOT_TEST_KAFKA_IMAGE=$image
}

# The oldest supported brokers, for the tests that prove the support.
setup_oldest_kafka_image() {
  local image=apache/kafka:$oldest_kafka lib=kafka-image/target/lib-$oldest_kafka
  if ! has_image "$image"; then
    image=zcbot-kafka:$oldest_kafka
    setup_base_image
    if [[ ! -d $root/$lib || ! $root/$lib -nt $root/pom.xml ]]; then
      setup_maven
      begin "Jars of Kafka $oldest_kafka"
      rm -rf "${root:?}/$lib" "$root/$lib.new"
      logged maven-oldest-kafka maven -q "-Dkafka.version=$oldest_kafka" "-Dkafka.lib=${lib##*/}.new" -pl kafka-image package ||
        die 70 "The jars of Kafka $oldest_kafka could not be collected. See ${setup_dir#"$root"/}/maven-oldest-kafka.log"
      touch "$root/$lib.new"
      mv "$root/$lib.new" "$root/$lib" # complete, or not there
      end "collected"
    fi
    build_options="--build-arg LIB=target/${lib##*/}" build_image "$image" kafka-image kafka-image/Dockerfile \
      kafka-image/run kafka-image/logback.xml kafka-image/server.properties "$lib"
  fi
  export ZCBOT_TEST_OLDEST_KAFKA_IMAGE=$image
}

# The base of the worker's image. The tests build the image itself, from the classes just compiled.
setup_worker_base() {
  setup_base_image
  build_options='--target jre' build_image "$worker_base" . worker/Dockerfile
}

setup_worker_image() {
  setup_base_image
  setup_standalone_jars
  local jar jars=()
  for jar in "$root"/worker/cli/target/worker-cli-*.jar "$root"/standalone/target/standalone-*.jar; do
    jars+=("${jar#"$root"/}")
  done
  build_options='--build-arg JARS=local' build_image "$worker_image" . worker/Dockerfile worker/jvm.options \
    worker/{console,gateway,commands}.options worker/{start,share-workspaces}.sh worker/cli/target/lib \
    standalone/target/lib "${jars[@]}"
}

# --- jars --------------------------------------------------------------------------------------

# Packages one module and the modules that it needs, unless its inputs are the same as the last time, or the
# same as $packaged_from, from which Maven has packaged it since.
setup_jars() { # module, directories of libraries (words), inputs...
  local module=$1 libs stamp=$setup_dir/$1.inputs inputs
  read -ra libs <<<"$2"
  shift 2
  inputs=$(inputs_of_jars "$@")
  # The outputs count too: Maven may have been run by hand on other sources since then.
  outputs() {
    (export LC_ALL=C && cd "$root" && for lib in "$module/target" "${libs[@]}"; do stat -c '%n %s %Y' "$lib"/*.jar || :; done) 2>&1 | sha256sum
  }
  if [[ -r $stamp && $(<"$stamp") == "$inputs $(outputs)" ]]; then
    return
  fi
  if [[ $inputs != "${packaged_from-}" ]]; then
    setup_maven
    begin "Jars of $module"
    # otherwise jars of earlier versions would stay on the class path
    rm -rf "$stamp" "${libs[@]/#/"$root"/}"
    jars_of_modules "$module/target/lib" "${libs[@]}" | xargs -0 rm -f
    : >"$setup_dir/$module.building" # stays if this is killed, and tells that the jars may be incomplete
    logged "maven-$module" maven -q -T 1C -Dmaven.test.skip=true -Dspotless.check.skip=true -pl "$module" -am package ||
      die 70 "The build failed. Its output is in ${setup_dir#"$root"/}/maven-$module.log"
    end "built"
  fi
  rm -f "$setup_dir/$module.building"
  printf '%s\n' "$inputs $(outputs)" >"$stamp"
}

# Prints the modules' own jars, each followed by a NUL.
jars_of_modules() { # directories of their libraries
  local lib target module jars
  for lib in "$@"; do
    target=${lib%/lib}
    module=${target%/target}
    jars=("$root/$target/${module//\//-}"-*.jar)
    printf '%s\0' "${jars[@]}"
  done
}

inputs_of_jars() { # files and directories
  printf '%s-%s\n' "$JAVA_HOME" "$(hash_of .mvn "$@")"
}

standalone_libs=(worker/cli/target/lib standalone/target/lib)
worker_inputs=(gateway/pom.xml gateway/src/main worker/{,base/,domain/,topics/,log/,docker/,app/,audit/,console/,cli/}pom.xml
  worker/{base,domain,topics,log,docker,app,audit,console,cli}/src/main)
standalone_inputs=(pom.xml LICENSE NOTICE events/pom.xml events/src/main clients/java/pom.xml clients/java/src/main
  "${worker_inputs[@]}" standalone/pom.xml standalone/src/main)

setup_standalone_jars() {
  setup_jars standalone "${standalone_libs[*]}" "${standalone_inputs[@]}"
}

# --- whole sets --------------------------------------------------------------------------------

# dockerd is in a directory that not every user has on PATH.
export PATH=$PATH:/usr/sbin:/sbin
# HOME may be unset without a login, and Maven keeps its repository there.
export HOME=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}

# What the standalone worker needs. Images wait for the network and a disk, jars for a processor, so both are made
# at the same time.
setup_to_run() { # --interpreter to make that image as well
  local images code=0 other=0
  setup_lock --exclusive
  setup_jdk
  setup_engine
  beside=yes
  (
    trap - INT # bash would ignore it here
    setup_sandbox_image
    [[ ${1-} != --interpreter ]] || setup_interpreter_image
  ) &
  images=$!
  (setup_standalone_jars) || code=$?
  ((code == 0)) || kill "$images" 2>/dev/null || :
  wait "$images" || other=$?
  ((code != 0)) || code=$other
  if ((code != 0)); then
    # shellcheck disable=SC2034 # for the summary of bin/test
    died_of="The setup failed, see above."
    exit "$code"
  fi
  beside=
  setup_unlock
}

advise_root() {
  ((EUID == 0)) || note "The worker gives workspaces to the sandboxes' user. If it may not, run this as root: sudo $0"
}

# The setup for what tests need: each test class names its needs in @Tag annotations, which bin/test reads.
needs_engine() {
  setup_engine
  setup_sandbox_image
}
needs_kafka() {
  setup_engine
  setup_kafka_image
}
needs_oldest_kafka() {
  setup_engine
  setup_oldest_kafka_image
}
needs_compose() {
  docker compose version >/dev/null 2>&1 || apt_install "docker compose" docker-compose
  setup_worker_base
}
needs_network_namespaces() {
  command -v ip >/dev/null || apt_install "The command ip" iproute2
  command -v nft >/dev/null || apt_install "The command nft" nftables
}
needs_gvisor() {
  command -v runsc >/dev/null || apt_install "gVisor's runsc" runsc
}
# A kernel with quotas that runs as a process, and tools to make disks for it.
needs_user_mode_linux() {
  [[ $(uname -m) != x86_64 ]] || command -v linux.uml >/dev/null || apt_install "User Mode Linux" user-mode-linux
  command -v insmod >/dev/null || apt_install "The command insmod" kmod
  command -v mkfs.xfs >/dev/null || apt_install "The command mkfs.xfs" xfsprogs
  command -v mkfs.ext4 >/dev/null || apt_install "The command mkfs.ext4" e2fsprogs
  command -v ip >/dev/null || apt_install "The command ip" iproute2
  command -v python3 >/dev/null || apt_install "Python" python3
}
needs_zsh() {
  command -v zsh >/dev/null || apt_install "zsh" zsh
}
needs_kcat() {
  command -v kcat >/dev/null || apt_install "kcat" kcat
}
# The oldest Java that the client supports; without it the examples run on the JDK of the build.
needs_oldest_java() {
  ! compgen -G '/usr/lib/jvm/*21*/bin/java' >/dev/null || return 0
  begin "Java 21"
  (apt_install "Java 21" openjdk-21-jre-headless) || note "left out: the examples run on Java 25"
  end "done"
}
# Sets python to an interpreter that has the modules that the tests of clients/python import. Debian's packages
# are for Debian's interpreter, and another one may be on PATH.
needs_python() {
  local candidate
  for candidate in python3 /usr/bin/python3; do
    if "$candidate" -c 'import sys, confluent_kafka, pytest, pytest_asyncio, setuptools, mypy; sys.exit(sys.version_info < (3, 10))' \
      >/dev/null 2>&1; then
      python=$candidate
      return
    fi
  done
  begin "Python's confluent_kafka and pytest"
  apt_install "Python with confluent_kafka and pytest" python3 python3-confluent-kafka python3-pytest \
    python3-pytest-asyncio python3-setuptools mypy
  # shellcheck disable=SC2034 # for bin/test
  python=/usr/bin/python3
  end "installed"
}
needs_shellcheck() {
  command -v shellcheck >/dev/null || apt_install "ShellCheck" shellcheck
}
needs_programs() {
  needs_engine
  build_image zcbot-programs:latest worker/tests/src/test/programs worker/tests/src/test/programs/Dockerfile sandbox-image/runner
}
needs_egress_programs() {
  needs_engine
  build_image zcbot-egress-programs:latest worker/tests/src/test/egress-programs \
    worker/tests/src/test/egress-programs/Dockerfile sandbox-image
}

needs_promtool() {
  command -v promtool >/dev/null || apt_install "Prometheus's promtool" promtool
}
# The server is only unpacked: an installed package would start a service that listens on all interfaces.
needs_prometheus() {
  local to=$setup_dir/prometheus
  if command -v prometheus >/dev/null || [[ -x $to/usr/bin/prometheus ]]; then
    return
  fi
  begin "Prometheus"
  command -v apt-get >/dev/null || die 69 "Prometheus is missing. Put a file prometheus on PATH."
  rm -rf "$to.new"
  mkdir -p "$to.new"
  # Without package lists, or with old ones, the first try fails.
  unpack_package prometheus "$to.new" >"$setup_dir/apt.log" 2>&1 || {
    logged apt as_root apt-get -q update && logged apt unpack_package prometheus "$to.new"
  } || die 69 "Prometheus could not be downloaded.  Tried: apt-get download prometheus"
  mv "$to.new" "$to"
  end "unpacked"
}
unpack_package() { # name, directory
  (cd "$2" && apt-get -q download "$1") && dpkg-deb -x "$2"/"$1"_*.deb "$2" && rm "$2"/"$1"_*.deb
}
# For the console's page; 135 MB. The driver does not work with the other browsers that a desktop may have.
needs_browser() {
  [[ -x /usr/bin/chromium && -x /usr/bin/chromedriver ]] || apt_install "Chromium with its driver" chromium chromium-driver
}
# For E2B's and MCP's own clients, in the versions of their lock file.
needs_node() {
  local sdk=$root/gateway/sdk
  if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    apt_install "Node.js with npm" nodejs npm
  fi
  if [[ $sdk/node_modules/.package-lock.json -nt $sdk/package-lock.json ]]; then
    return
  fi
  begin "Clients of E2B and MCP"
  logged npm timeout 300 npm ci --prefix "$sdk" --ignore-scripts --no-audit --no-fund ||
    die 69 "npm could not install what is in gateway/sdk/package-lock.json. Its output is in ${setup_dir#"$root"/}/npm.log"
  touch "$sdk/node_modules/.package-lock.json"
  end "installed"
}
# Takes minutes, so what needs it has @InFullRuns.
needs_interpreter() {
  [[ ${ZCBOT_TEST_ALL-} == yes ]] || return 0
  needs_engine
  setup_interpreter_image
}
all_needs=(engine interpreter kafka oldest-kafka compose network-namespaces gvisor user-mode-linux programs egress-programs promtool prometheus
  zsh kcat oldest-java browser shellcheck python node)

setup_to_test() { # needs...
  local need
  setup_lock --exclusive
  setup_jdk
  setup_maven
  for need in "${all_needs[@]}"; do
    [[ " $* " != *" $need "* ]] || "needs_${need//-/_}"
  done
  setup_unlock
}
