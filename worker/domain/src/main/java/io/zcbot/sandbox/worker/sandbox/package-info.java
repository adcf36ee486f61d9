/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * The model of sandboxes: registry, capacity, announcements, workspaces, and the ports to the
 * outside. Independent of Kafka and docker-java.
 */
@NullMarked
package io.zcbot.sandbox.worker.sandbox;

import org.jspecify.annotations.NullMarked;
