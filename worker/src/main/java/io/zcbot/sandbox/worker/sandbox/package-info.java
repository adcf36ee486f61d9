/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * What the domain knows of sandboxes and says about them, and its ports to the outside. Knows no
 * Kafka and no docker-java.
 */
@NullMarked
package io.zcbot.sandbox.worker.sandbox;

import org.jspecify.annotations.NullMarked;
