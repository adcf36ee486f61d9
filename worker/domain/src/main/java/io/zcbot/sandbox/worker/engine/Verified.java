/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

/**
 * A container that was compared with a spec.
 *
 * @param isAsSpecified whether this worker created it from that spec, and the engine describes it,
 *     in all fields, like a container that it creates from that spec
 */
public record Verified(Container container, boolean isAsSpecified) {}
