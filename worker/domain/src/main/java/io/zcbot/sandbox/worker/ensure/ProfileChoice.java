/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.worker.ensure.Admission.Refused;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.SandboxCommands;
import io.zcbot.sandbox.worker.spec.Profile;
import io.zcbot.sandbox.worker.spec.Profiles;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Chooses the profile of the sandbox that a request gets. Asked in the user's lane. */
final class ProfileChoice {
  private static final int MOST_NAMES = 800;

  private final Supplier<Profiles> profiles;
  private final Registry registry;
  private final SandboxCommands commands;

  ProfileChoice(Supplier<Profiles> profiles, Registry registry, SandboxCommands commands) {
    this.profiles = profiles;
    this.registry = registry;
    this.commands = commands;
  }

  /** The choice for a request. */
  sealed interface Chosen {
    /**
     * The request gets a sandbox.
     *
     * @param next what a new one is made of
     * @param keeps the user's sandbox, if it may be reused; null if there is none, or it is of
     *     another profile than the request names
     */
    record Made(Profile next, @Nullable Sandbox keeps) implements Chosen {
      /** The profile whose bounds the request must respect. */
      Profile inForce() {
        return keeps == null ? next : keeps.profile();
      }
    }

    /** The request names a profile that it can't have. */
    record No(Refused refused) implements Chosen {}
  }

  Chosen of(Ensure ensure) {
    Profiles now = profiles.get();
    Sandbox known = registry.get(ensure.userId());
    String asked = ensure.profile();
    if (known != null && (asked == null || asked.equals(known.profile().name()))) {
      // If the operator removed the profile meanwhile, its users keep what they have.
      Profile same = now.find(known.profile().name());
      return new Chosen.Made(same == null ? known.profile() : same, known);
    }
    String name = asked == null ? ProfileName.DEFAULT : asked;
    Profile next = now.find(name);
    if (next == null) {
      return no(
          "this worker has no profile "
              + name
              + "; ask for one of: "
              + names(now)
              + ", or have it added to the file of ZCBOT_PROFILES");
    }
    if (known != null && !ensure.replace() && commands.areIn(known)) {
      return no(
          "commands run or wait in the user's sandbox, whose profile is "
              + known.profile().name()
              + ", not "
              + name
              + "; ask again when they have ended, or send an ensure with replace: true to end"
              + " them");
    }
    return new Chosen.Made(next, null);
  }

  private static Chosen no(String message) {
    return new Chosen.No(new Refused(Failed.Reason.REJECTED, message, false));
  }

  private static String names(Profiles profiles) {
    String all = profiles.all().stream().map(Profile::name).collect(Collectors.joining(", "));
    return all.length() <= MOST_NAMES
        ? all
        : all.substring(0, all.lastIndexOf(',', MOST_NAMES)) + " …";
  }
}
