/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * The domain: what a sandbox is, when it is made, kept and reaped. Knows no Kafka and no
 * docker-java; what it needs of the outside it states as ports.
 */
@NullMarked
package io.zcbot.sandbox.worker.sandbox;

import org.jspecify.annotations.NullMarked;
