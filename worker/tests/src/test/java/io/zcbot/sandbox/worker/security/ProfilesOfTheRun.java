/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import io.zcbot.sandbox.worker.testkit.InFullRuns;
import java.lang.reflect.Method;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.ArgumentsProvider;
import org.junit.jupiter.params.support.ParameterDeclarations;

/** The profiles on which this run makes the attacks of a class, and each of them. */
final class ProfilesOfTheRun implements ArgumentsProvider, ExecutionCondition {
  private static final ConditionEvaluationResult MADE =
      ConditionEvaluationResult.enabled("of this run");

  @Override
  public Stream<? extends Arguments> provideArguments(
      ParameterDeclarations parameters, ExtensionContext context) {
    return of(context.getRequiredTestClass(), InFullRuns.THIS_ONE).stream().map(Arguments::of);
  }

  @Override
  public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    if (context.getTestMethod().isEmpty()
        || !(context.getTestInstance().orElse(null) instanceof Attacks attacks)
        || of(context.getRequiredTestMethod(), InFullRuns.THIS_ONE).contains(attacks.profile)) {
      return MADE;
    }
    return ConditionEvaluationResult.disabled(InFullRuns.REASON);
  }

  /** All that one of its attacks is made on. */
  static Set<Profile> of(Class<?> attacks, boolean all) {
    Set<Profile> profiles = EnumSet.noneOf(Profile.class);
    for (Method method : attacks.getDeclaredMethods()) {
      if (method.isAnnotationPresent(Test.class)) {
        profiles.addAll(of(method, all));
      }
    }
    return profiles;
  }

  /** None if only a full run makes it. */
  static Set<Profile> of(Method attack, boolean all) {
    if (all) {
      return EnumSet.allOf(Profile.class);
    }
    Class<?> type = attack.getDeclaringClass();
    if (attack.isAnnotationPresent(InFullRuns.class)
        || type.isAnnotationPresent(InFullRuns.class)) {
      return EnumSet.noneOf(Profile.class);
    }
    Set<Profile> profiles = EnumSet.of(Profile.RUNC_HOST, Profile.GVISOR);
    AlsoOn more = attack.getAnnotation(AlsoOn.class);
    if (more == null) {
      more = type.getAnnotation(AlsoOn.class);
    }
    if (more != null) {
      Collections.addAll(profiles, more.value());
    }
    return profiles;
  }
}
