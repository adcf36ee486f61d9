/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Which method's calls a static method takes over in a simulation. It has the same parameters,
 * behind the object if the original is an instance's.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.METHOD)
@interface InPlaceOf {
  /** The class that the call names. */
  String owner();

  String name();

  boolean isStatic() default false;
}
