/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static io.zcbot.sandbox.worker.docker.FakeDockerApi.status;
import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.spec.SandboxUids;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Which user a sandbox gets. */
class OwnUidsTest extends AdapterTestCase {
  private static final SandboxUids THREE = new SandboxUids(70_000, 70_002);
  private static final SandboxSpec ALONE =
      new SandboxSpec(
          SPEC.image(),
          null,
          SPEC.limits(),
          "net",
          EngineFixture.policy(FirewallMode.HOST, new Egress.None(), new Dns.EngineDefault()));

  @BeforeEach
  void ownUsers() {
    sandboxes = engine.sandboxes(ALONE, THREE);
    listed();
  }

  private void listed(int... uids) {
    fake.on(
        "GET",
        "/containers/json",
        status(
            200,
            IntStream.of(uids)
                .mapToObj(
                    uid -> "{\"Id\":\"c%d\",\"Labels\":{\"zcbot.uid\":\"%d\"}}".formatted(uid, uid))
                .collect(Collectors.joining(",", "[", "]"))));
  }

  private String user() throws EngineException {
    create();
    String body = fake.asked("POST", "/containers/create").getLast().body();
    String user = body.replaceAll("(?s).*\"User\":\"([^\"]*)\".*", "$1");
    assertThat(body)
        .contains("\"zcbot.uid\":\"" + user.split(":", 2)[0] + "\"", "\"HOME=/workspace\"");
    return user;
  }

  @Test
  void itIsOneThatNoContainerHas() throws Exception {
    List<String> users = new ArrayList<>();
    for (int taken : List.of(70_000, 70_001, 70_002)) {
      listed(IntStream.rangeClosed(70_000, 70_002).filter(uid -> uid != taken).toArray());
      users.add(user());
    }
    assertThat(users).containsExactly("70000:70000", "70001:70001", "70002:70002");
  }

  @Test
  void itIsGivenAgainOnceItsContainerIsGone() throws Exception {
    List<String> users = new ArrayList<>();
    for (int i = 0; i < THREE.size(); i++) {
      users.add(user());
    }
    assertThat(users).doesNotHaveDuplicates();
    assertThat(user()).as("the engine lists that all came to nothing").isEqualTo(users.getFirst());
    assertThat(fake.asked("GET", "/containers/json")).as("two for all, one for each").hasSize(6);
  }

  /** Another worker on the engine chose it since this one asked. */
  @Test
  void oneThatAnotherContainerHasAsWellIsGivenUp() throws Exception {
    int first = Integer.parseInt(user().split(":", 2)[0]);
    int next = first == THREE.last() ? THREE.first() : first + 1;
    listed(next);
    fake.on("DELETE", "/containers/c1", status(204, ""));

    assertThat(user()).doesNotStartWith(next + ":");

    List<FakeDockerApi.Request> creates = fake.asked("POST", "/containers/create");
    assertThat(creates).hasSize(3);
    assertThat(creates.get(1).body()).contains("\"User\":\"" + next + ":" + next + "\"");
    assertThat(fake.asked("DELETE", "/containers/c1")).hasSize(1);
  }

  @Test
  void oneWhoseListingFailsLeavesNoContainer() throws Exception {
    user();
    fake.on("GET", "/containers/json", status(500, "{\"message\":\"no\"}"));
    fake.on("DELETE", "/containers/c1", status(204, ""));

    failure(this::create);

    assertThat(fake.asked("DELETE", "/containers/c1")).hasSize(1);
  }

  /** Retried, since one of them may be that of a sandbox that was evicted and not removed yet. */
  @Test
  void whereAllAreTakenNothingIsCreated() throws Exception {
    listed(70_000, 70_001, 70_002);

    EngineException e = failure(this::create);

    assertThat(e.kind()).isEqualTo(Kind.CAPACITY);
    assertThat(e.getMessage()).contains("70000-70002", "ZCBOT_SANDBOX_UIDS");
    assertThat(fake.asked("POST", "/containers/create")).isEmpty();

    listed(70_000, 70_002);
    assertThat(user()).startsWith("70001:");
  }

  @Test
  void whereAllShareOneNobodyIsAsked() throws Exception {
    sandboxes = engine.sandboxes(ALONE);
    create();
    assertThat(fake.asked("POST", "/containers/create").getLast().body())
        .contains("\"User\":\"1000:1000\"")
        .doesNotContain("zcbot.uid");
    assertThat(fake.asked()).doesNotContain("GET /containers/json");
  }
}
