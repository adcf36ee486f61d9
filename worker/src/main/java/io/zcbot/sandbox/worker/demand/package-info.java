/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * How many slots the users who come need: a model of the warm pool, and what it is replayed with.
 */
@NullMarked
package io.zcbot.sandbox.worker.demand;

import org.jspecify.annotations.NullMarked;
