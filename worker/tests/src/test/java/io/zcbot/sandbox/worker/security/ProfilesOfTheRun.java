/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.ArgumentsProvider;
import org.junit.jupiter.params.support.ParameterDeclarations;

/** The profiles on which this run makes the attacks of a class; see {@link AlsoOn}. */
final class ProfilesOfTheRun implements ArgumentsProvider {
  /** Set by {@code bin/test --all} and {@code bin/security}. */
  static final boolean ALL = "yes".equals(System.getenv("ZCBOT_TEST_ALL"));

  @Override
  public Stream<? extends Arguments> provideArguments(
      ParameterDeclarations parameters, ExtensionContext context) {
    return of(context.getRequiredTestClass(), ALL).stream().map(Arguments::of);
  }

  static Set<Profile> of(Class<?> attacks, boolean all) {
    if (all) {
      return EnumSet.allOf(Profile.class);
    }
    Set<Profile> profiles = EnumSet.of(Profile.RUNC_HOST, Profile.GVISOR);
    AlsoOn more = attacks.getAnnotation(AlsoOn.class);
    if (more != null) {
      Collections.addAll(profiles, more.value());
    }
    return profiles;
  }
}
