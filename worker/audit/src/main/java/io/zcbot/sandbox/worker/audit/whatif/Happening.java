/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.whatif;

import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** What a log tells that would have happened with other settings too. */
sealed interface Happening {
  /** In milliseconds since 1970. */
  long at();

  UserId user();

  /**
   * A user needs a sandbox.
   *
   * @param worker whose user it is
   * @param ttl the sandbox's idle TTL; null if it is not known
   * @param isKnown whether a {@link Begin} reported it before
   */
  record Need(long at, UserId user, String worker, @Nullable Duration ttl, boolean isKnown)
      implements Happening {}

  /** A user's sandbox is used, if there is one. */
  record Use(long at, UserId user) implements Happening {}

  /**
   * A command was sent to the user's sandbox, which is in use until its end.
   *
   * @param worker whose user it is, if the command has a sandbox made; null if nobody is known to
   */
  record Begin(long at, UserId user, @Nullable String worker) implements Happening {}

  record End(long at, UserId user) implements Happening {}

  /** A user's sandbox ends for a reason that does not depend on the settings. */
  record Gone(long at, UserId user) implements Happening {}
}
