/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.inspect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Container.Ownership;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class KnownGoodTest {
  private static final UserId USER = new UserId(new UUID(0, 1));
  private static final Path WORKSPACE = Path.of("/ws/" + USER);

  private static ByteBuffer digest(String answer) throws IOException {
    return KnownGood.butForExecs(answer.getBytes(StandardCharsets.UTF_8), USER, WORKSPACE);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"Id\":\"a\",\"ExecIDs\":[\"1\"],\"HostConfig\":{\"Memory\":1}}",
        "{\"Id\":\"a\",\"ExecIDs\":[\"2\",\"3\"],\"HostConfig\":{\"Memory\":1}}",
        "{\"Id\":\"a\",\"ExecIDs\":[],\"HostConfig\":{\"Memory\":1}}",
      })
  void runningExecsMakeNoDifference(String answer) throws Exception {
    assertThat(digest(answer))
        .isEqualTo(digest("{\"Id\":\"a\",\"ExecIDs\":null,\"HostConfig\":{\"Memory\":1}}"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"Id\":\"a\",\"ExecIDs\":null,\"HostConfig\":{\"Memory\":2}}",
        "{\"Id\":\"b\",\"ExecIDs\":null,\"HostConfig\":{\"Memory\":1}}",
        "{\"Id\":\"a\",\"ExecIDs\":null,\"HostConfig\":{\"Memory\":1},\"More\":1}",
        "{\"Id\":\"a\",\"ExecIDs\":null,\"HostConfig\":{\"ExecIDs\":[],\"Memory\":1}}",
        "{\"Id\":\"a\",\"HostConfig\":{\"Memory\":1}}",
      })
  void anythingElseDoes(String answer) throws Exception {
    assertThat(digest(answer))
        .isNotEqualTo(digest("{\"Id\":\"a\",\"ExecIDs\":null,\"HostConfig\":{\"Memory\":1}}"));
  }

  /** Only the engine's own field is left out, wherever its name else stands. */
  @Test
  void theNameOfTheFieldHidesNothingElsewhere() throws Exception {
    assertThat(digest("{\"Config\":{\"ExecIDs\":[\"1\"]}}"))
        .isNotEqualTo(digest("{\"Config\":{\"ExecIDs\":[\"2\"]}}"));
    assertThat(digest("{\"Args\":[\"\\\"ExecIDs\\\":\",\"1\"]}"))
        .isNotEqualTo(digest("{\"Args\":[\"\\\"ExecIDs\\\":\",\"2\"]}"));
  }

  @Test
  void whatItIsJudgedByDoesToo() throws Exception {
    byte[] answer = "{}".getBytes(StandardCharsets.UTF_8);
    assertThat(digest("{}"))
        .isNotEqualTo(KnownGood.butForExecs(answer, new UserId(new UUID(0, 2)), WORKSPACE))
        .isNotEqualTo(KnownGood.butForExecs(answer, USER, Path.of("/other")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[]", "{\"Id\":", "{\"ExecIDs\":[", "{\"ExecIDs\":[\"1\"]"})
  void halfAnAnswerIsNone(String answer) {
    assertThatThrownBy(() -> digest(answer)).isInstanceOf(IOException.class);
  }

  @Test
  void theOneLongestUnusedIsForgotten() throws Exception {
    KnownGood known = new KnownGood("me", 4); // two for each description
    add(known, "a");
    add(known, "b");
    assertThat(find(known, description("a", "null"))).isEqualTo(container("a"));
    assertThat(find(known, description("a", "[\"1\"]"))).isEqualTo(container("a"));
    add(known, "c");
    assertThat(find(known, description("b", "null"))).isNull();
    assertThat(find(known, description("c", "null"))).isNotNull();
  }

  @Test
  void aClaimedSlotIsKnownByAllButItsName() throws Exception {
    KnownGood known = new KnownGood("me", 10);
    Container parked = slot("a");
    Path directory = Path.of("/ws/.slots/me/a");
    known.addParked(bytes(slotDescription("zcbot-slot-a", 1)), parked, directory);
    String claimed = slotDescription(Container.nameOf(USER), 1);

    assertThat(find(known, slotDescription(Container.nameOf(USER), 2)))
        .as("one whose limits were changed meanwhile")
        .isNull();
    assertThat(find(known, slotDescription("zcbot-slot-b", 1))).isNull();
    Container found = find(known, claimed);
    assertThat(found).isEqualTo(parked.claimedBy(USER));
    assertThat(found.name()).isEqualTo(Container.nameOf(USER));
    assertThat(found.ownership()).isEqualTo(new Ownership(USER, "a", "me", true));
    assertThat(find(known, claimed)).as("from now on as any sandbox").isEqualTo(found);
    UserId other = new UserId(new UUID(0, 2));
    assertThat(known.find(bytes(claimed), other, Path.of("/ws/" + other)))
        .as("but not as another user's")
        .isNull();
  }

  /** A slot's entrance is an exec that has just ended, or is about to. */
  @Test
  void aClaimedSlotIsKnownWhileAnExecIsListed() throws Exception {
    KnownGood known = new KnownGood("me", 10);
    Container parked = slot("a");
    String none = "{\"ExecIDs\":null,";
    known.addParked(
        bytes(none + slotDescription("zcbot-slot-a", 1).substring(1)),
        parked,
        Path.of("/ws/.slots/me/a"));
    String claimed = slotDescription(Container.nameOf(USER), 1).substring(1);

    assertThat(find(known, none.replace("null", "[\"e1\"]") + claimed))
        .isEqualTo(parked.claimedBy(USER));
    assertThat(find(known, none.replace("null", "[\"e2\"]") + claimed))
        .as("with any exec from now on")
        .isEqualTo(parked.claimedBy(USER));
    assertThat(find(known, none + claimed)).isEqualTo(parked.claimedBy(USER));
  }

  @Test
  void aSlotOfAnotherRootIsNotKnown() throws Exception {
    KnownGood known = new KnownGood("me", 10);
    known.addParked(
        bytes(slotDescription("zcbot-slot-a", 1)), slot("a"), Path.of("/else/.slots/me/a"));
    assertThat(find(known, slotDescription(Container.nameOf(USER), 1))).isNull();
  }

  /** What stands around a name must not be able to stand for it. */
  @Test
  void whereTheNameStoodCounts() {
    assertThat(KnownGood.butForName(bytes("{\"N\":\"ab\",\"X\":\"\"}"), "ab"))
        .isEqualTo(KnownGood.butForName(bytes("{\"N\":\"c\",\"X\":\"\"}"), "c"))
        .isNotEqualTo(KnownGood.butForName(bytes("{\"N\":\"\",\"X\":\"ab\"}"), "ab"))
        .isNotEqualTo(KnownGood.butForName(bytes("{\"N\":\"ab\",\"X\":\"\"}"), "a"));
  }

  private static void add(KnownGood known, String id) throws IOException {
    known.add(bytes(description(id, "null")), USER, WORKSPACE, container(id));
  }

  private static Container find(KnownGood known, String description) throws IOException {
    return known.find(bytes(description), USER, WORKSPACE);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static String description(String id, String execs) {
    return "{\"Id\":\"" + id + "\",\"ExecIDs\":" + execs + "}";
  }

  private static String slotDescription(String name, int memory) {
    return "{\"Name\":\"/"
        + name
        + "\",\"HostConfig\":{\"Memory\":"
        + memory
        + "},\"DNSNames\":[\""
        + name
        + "\",\"sandbox\"]}";
  }

  private static Container container(String id) {
    return new Container(id, "x", Container.State.RUNNING, Ownership.NONE, null, null, 0, false);
  }

  private static Container slot(String id) {
    return new Container(
        "c1",
        "zcbot-slot-" + id,
        Container.State.RUNNING,
        new Ownership(null, id, "me", true),
        "spec",
        null,
        0,
        false);
  }
}
