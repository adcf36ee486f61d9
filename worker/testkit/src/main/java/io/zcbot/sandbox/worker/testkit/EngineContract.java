/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.SandboxEngine;
import io.zcbot.sandbox.worker.engine.Verified;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.UUID;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * The engine's behaviour that the domain relies on. The real adapter and the fake in the domain's
 * tests both pass these tests, so what holds with the fake holds with the real one.
 */
public abstract class EngineContract {
  private final UserId user = new UserId(UUID.randomUUID());
  private final String name = Container.nameOf(user);

  protected abstract Engine engine();

  protected abstract SandboxEngine sandboxes();

  /** The user's directory, as an ensure prepares it. */
  protected abstract Path workspace(UserId user) throws IOException;

  private String create() throws EngineException, IOException {
    return sandboxes().create(user, workspace(user));
  }

  private String start() throws EngineException, IOException {
    String id = create();
    sandboxes().start(id);
    return id;
  }

  private static EngineException.Kind failure(ThrowingCallable call) {
    return catchThrowableOfType(EngineException.class, call).kind();
  }

  @AfterEach
  void remove() throws EngineException {
    Container left = engine().find(name).orElse(null);
    if (left != null) {
      engine().remove(left.id());
    }
  }

  @Test
  void whatIsCreatedIsFoundByItsNameAndByItsIdAndListed() throws Exception {
    assertThat(engine().find(name)).isEmpty();
    String id = create();
    assertThat(engine().find(id)).isEqualTo(engine().find(name)).isPresent();
    assertThat(engine().list())
        .filteredOn(c -> c.id().equals(id))
        .singleElement()
        .satisfies(
            c -> {
              assertThat(c.name()).isEqualTo(name);
              assertThat(c.state()).isEqualTo(Container.State.CREATED);
              assertThat(c.ownership().user()).isEqualTo(user);
              assertThat(c.ownership().ours()).isTrue();
            });
  }

  @Test
  void aNameIsTakenOnceAndFreeAfterTheRemoval() throws Exception {
    String id = create();
    assertThat(failure(this::create)).isEqualTo(EngineException.Kind.CONFLICT);
    engine().remove(id);
    assertThat(create()).isNotEqualTo(id);
  }

  @Test
  void whatIsStartedRunsAsSpecified() throws Exception {
    String id = start();
    Verified verified = sandboxes().verify(name, user, workspace(user)).orElseThrow();
    assertThat(verified.isAsSpecified()).isTrue();
    assertThat(verified.container().id()).isEqualTo(id);
    assertThat(verified.container().isRunning()).isTrue();
    assertThat(verified.container().startedAt()).isNotNull();
    assertThat(engine().hasRunningExec(id)).isFalse();
    assertThat(engine().cpuTime(id)).isGreaterThanOrEqualTo(Duration.ZERO);
  }

  @Test
  void whatIsKilledStaysAndHasEnded() throws Exception {
    String id = start();
    engine().kill(id);
    engine().kill(id);
    Container ended = engine().find(id).orElseThrow();
    assertThat(ended.state()).isEqualTo(Container.State.ENDED);
    assertThat(ended.exitCode()).isEqualTo(137);
    assertThat(failure(this::create)).isEqualTo(EngineException.Kind.CONFLICT);
  }

  @Test
  void whatIsRemovedIsGone() throws Exception {
    String id = start();
    engine().remove(id);
    engine().remove(id);
    engine().kill(id);
    assertThat(engine().find(id)).isEmpty();
    assertThat(engine().list()).extracting(Container::id).doesNotContain(id);
    assertThat(sandboxes().verify(name, user, workspace(user))).isEmpty();
    assertThat(failure(() -> sandboxes().start(id))).isEqualTo(EngineException.Kind.ABSENT);
    assertThat(failure(() -> engine().hasRunningExec(id))).isEqualTo(EngineException.Kind.ABSENT);
    assertThat(failure(() -> engine().cpuTime(id))).isEqualTo(EngineException.Kind.ABSENT);
  }

  @Test
  void answersAPing() throws Exception {
    engine().ping();
  }
}
