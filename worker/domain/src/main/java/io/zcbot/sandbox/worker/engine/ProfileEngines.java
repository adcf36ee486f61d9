/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

import io.zcbot.sandbox.worker.spec.Profile;

/** An engine's adapters for the sandboxes and the slots of each profile. Thread-safe. */
public interface ProfileEngines {
  /** What creates and compares sandboxes of a profile. */
  SandboxEngine sandboxes(Profile profile);

  /** What creates and compares slots of a profile. */
  SlotEngine slots(Profile profile);

  /** The same adapters, whatever the profile. */
  static ProfileEngines always(SandboxEngine sandboxes, SlotEngine slots) {
    return new ProfileEngines() {
      @Override
      public SandboxEngine sandboxes(Profile profile) {
        return sandboxes;
      }

      @Override
      public SlotEngine slots(Profile profile) {
        return slots;
      }
    };
  }
}
