/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.host;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The sandboxes' network as the engine's host sees it.
 *
 * @param device name of the bridge's network interface
 * @param subnets in CIDR form, IPv4 and IPv6
 * @param gateway IPv4 address of the bridge; null if the engine names none
 */
public record Bridge(String device, List<String> subnets, @Nullable String gateway) {}
