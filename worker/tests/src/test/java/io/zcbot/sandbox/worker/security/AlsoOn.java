/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * The profiles on which every run makes an attack, beside {@link Profile#RUNC_HOST} and {@link
 * Profile#GVISOR}: those that change what it meets. On a class, it counts for all attacks that have
 * none of their own. The full matrix is made by {@code bin/test --all} and {@code bin/security}.
 */
@Target({ElementType.METHOD, ElementType.TYPE})
@Retention(RetentionPolicy.RUNTIME)
@interface AlsoOn {
  Profile[] value();
}
