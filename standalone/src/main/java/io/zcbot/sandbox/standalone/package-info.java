/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * The worker with a Kafka broker of its own, in one process: the embedded default. And, since that
 * broker is at hand, the training of the JVM in the worker's image.
 */
@NullMarked
package io.zcbot.sandbox.standalone;

import org.jspecify.annotations.NullMarked;
