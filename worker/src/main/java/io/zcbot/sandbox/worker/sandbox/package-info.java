/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * The model of sandboxes: registry, capacity, announcements, workspaces, and the ports to the
 * outside. Does not depend on Kafka or docker-java.
 */
@NullMarked
package io.zcbot.sandbox.worker.sandbox;

import org.jspecify.annotations.NullMarked;
