# SPDX-License-Identifier: Apache-2.0
# The image of the container through which sandboxes reach names: HAProxy, and dnsmasq as their resolver.
# Build with the bin scripts or:
#   docker build -t zcbot-egress:latest -f sandbox-image/egress.Dockerfile sandbox-image
#
# It shares no layer with the sandboxes' image, as the firewall's, and contains only what its script needs.
ARG BASE=debian:trixie-slim
FROM ${BASE} AS files

RUN set -eu; \
    export DEBIAN_FRONTEND=noninteractive; \
    apt-get update -q; \
    apt-get install -y -q --no-install-recommends bash dnsmasq-base haproxy netcat-openbsd
# Copies the files, since a link to a file of the layer below would be that file. Scanners and bills of
# materials read in status.d which packages the files belong to.
RUN set -eu; \
    mkdir -p /files/var/lib/dpkg/status.d; \
    for program in /bin/bash /bin/nc.openbsd /usr/sbin/dnsmasq /usr/sbin/haproxy; do \
      for file in "$program" $(ldd "$program" | grep -o '/[^ ]*'); do \
        real=$(readlink -f "$file"); \
        install -D "$real" "/files$file"; \
        package=$(dpkg-query -S "$real" | cut -d: -f1); \
        dpkg-query -s "$package" >"/files/var/lib/dpkg/status.d/$package"; \
      done; \
    done; \
    install -d /files/etc /files/run/zcbot; \
    echo 'egress:x:61080:61080::/:/bin/false' >/files/etc/passwd; \
    echo 'egress:x:61080:' >/files/etc/group

FROM scratch

LABEL org.opencontainers.image.title="zcbot-egress" \
      org.opencontainers.image.description="The only way out of sandboxes that may reach names" \
      org.opencontainers.image.licenses="Apache-2.0"

COPY --from=files /files/ /
COPY --chmod=0444 firewall.sh egress/hello.lua egress/policies.sh egress/policy.lua /usr/local/lib/zcbot/
COPY --chmod=0555 egress/egress.sh /usr/local/sbin/zcbot-egress

USER 61080:61080
ENTRYPOINT ["/usr/local/sbin/zcbot-egress"]
