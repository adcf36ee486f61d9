/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * Computes how many slots of the warm pool are needed, by replaying arrivals through a model of the
 * pool.
 */
@NullMarked
package io.zcbot.sandbox.worker.demand;

import org.jspecify.annotations.NullMarked;
