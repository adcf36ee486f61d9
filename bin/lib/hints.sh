# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The commands that bin/run suggests. To be sourced.

# The commands to try, for a broker on this port of 127.0.0.1.
run_hints() { # port
  local port=$1 user=00000000-0000-4000-8000-000000000001
  local topic=${ZCBOT_TOPIC_PREFIX:-sandbox.}ensure sandbox='bin/sandbox'
  ((port == 9092)) || sandbox="ZCBOT_KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:$port bin/sandbox"
  cat <<END
    Run a command from another terminal, which makes the user's sandbox, or work in it:
      $sandbox exec $user -- python3 -c 'print(6*7)'
      $sandbox exec -it $user bash
    Ask for a sandbox only, with the command line:
      $sandbox ensure $user
    or with any Kafka client, for example kcat:
      echo '$user:{"user_id":"$user"}' | kcat -P -b 127.0.0.1:$port -X partitioner=murmur2_random -t $topic -K:
    Report that it is in use, and watch the events:
      $sandbox activity $user
      $sandbox watch
END
}
