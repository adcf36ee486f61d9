/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.SlotEngine;
import io.zcbot.sandbox.worker.engine.Verified;
import io.zcbot.sandbox.worker.pool.SlotMounts;
import java.io.IOException;
import java.util.UUID;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The engine's behaviour that the warm pool relies on, as {@link EngineContract} is for sandboxes.
 */
public abstract class SlotEngineContract {
  private final String slot = "s-" + UUID.randomUUID();
  private final UserId user = new UserId(UUID.randomUUID());
  private SlotMounts.Directory directory;

  protected abstract Engine engine();

  protected abstract SlotEngine slots();

  protected abstract SlotMounts mounts();

  @BeforeEach
  void makeDirectory() throws IOException {
    directory = mounts().create(slot);
  }

  @AfterEach
  void remove() throws EngineException, IOException {
    for (Container each : engine().list()) {
      if (slot.equals(each.ourSlot())) {
        engine().remove(each.id());
      }
    }
    directory.close();
    mounts().release(slot);
  }

  private String create() throws EngineException {
    return slots().createSlot(slot, directory.path());
  }

  private String start() throws EngineException, IOException {
    String id = create();
    slots().startSlot(id, directory::mountProbe);
    directory.unmountProbe();
    return id;
  }

  private static EngineException.Kind failure(ThrowingCallable call) {
    return catchThrowableOfType(EngineException.class, call).kind();
  }

  @Test
  void aCreatedSlotIsNobodysAndDoesNotRun() throws Exception {
    String id = create();
    Container created = engine().find(id).orElseThrow();
    assertThat(created.name()).isEqualTo(Container.SLOT_PREFIX + slot);
    assertThat(created.state()).isEqualTo(Container.State.CREATED);
    assertThat(created.isOurIdleSlot()).isTrue();
    assertThat(engine().list()).extracting(Container::id).contains(id);
  }

  @Test
  void aStartedSlotRunsAsSpecified() throws Exception {
    String id = start();
    Verified verified = slots().verifySlot(id, directory.path()).orElseThrow();
    assertThat(verified.isAsSpecified()).isTrue();
    assertThat(verified.container().isRunning()).isTrue();
    assertThat(verified.container().user()).isNull();
  }

  @Test
  void aProbeThatCanNotBeMountedFailsTheStart() throws Exception {
    String id = create();
    assertThatThrownBy(
            () ->
                slots()
                    .startSlot(
                        id,
                        () -> {
                          throw new IOException("no probe");
                        }))
        .isInstanceOf(IOException.class)
        .hasMessage("no probe");
  }

  @Test
  void aRenamedSlotIsItsUsersSandbox() throws Exception {
    String id = start();
    slots().rename(id, Container.nameOf(user));
    Container claimed = engine().find(Container.nameOf(user)).orElseThrow();
    assertThat(claimed.id()).isEqualTo(id);
    assertThat(claimed.user()).isEqualTo(user);
    assertThat(claimed.isOurs()).isTrue();
    assertThat(claimed.ourSlot()).isEqualTo(slot);
    assertThat(claimed.isRunning()).isTrue();
  }

  @Test
  void aTakenNameIsNotGivenAgain() throws Exception {
    String id = create();
    String other = slots().createSlot(slot + "-other", directory.path());
    try {
      assertThat(failure(() -> slots().rename(other, Container.SLOT_PREFIX + slot)))
          .isEqualTo(EngineException.Kind.CONFLICT);
    } finally {
      engine().remove(other);
    }
    engine().remove(id);
    assertThat(failure(() -> slots().rename(id, Container.nameOf(user))))
        .isEqualTo(EngineException.Kind.ABSENT);
    assertThat(failure(() -> slots().startSlot(id, () -> {})))
        .isEqualTo(EngineException.Kind.ABSENT);
    assertThat(slots().verifySlot(id, directory.path())).isEmpty();
  }

  @Test
  void theImageHasAnId() throws Exception {
    slots().prepare();
    assertThat(slots().imageId()).isPresent();
  }
}
