package io.zcbot.sandbox.worker.docker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.sandbox.Container;
import io.zcbot.sandbox.worker.sandbox.NetworkPolicy;
import io.zcbot.sandbox.worker.sandbox.SandboxSpec;
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
  private static final SandboxSpec SPEC = spec("image");

  private static SandboxSpec spec(String image) {
    return new SandboxSpec(image, null, 1, 1, 1, 1, "net", NetworkPolicy.DEFAULT);
  }

  private static ByteBuffer digest(String answer) throws IOException {
    return KnownGood.digest(answer.getBytes(StandardCharsets.UTF_8), SPEC, USER, WORKSPACE);
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
        .isNotEqualTo(KnownGood.digest(answer, spec("other"), USER, WORKSPACE))
        .isNotEqualTo(KnownGood.digest(answer, SPEC, new UserId(new UUID(0, 2)), WORKSPACE))
        .isNotEqualTo(KnownGood.digest(answer, SPEC, USER, Path.of("/other")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[]", "{\"Id\":", "{\"ExecIDs\":[", "{\"ExecIDs\":[\"1\"]"})
  void halfAnAnswerIsNone(String answer) {
    assertThatThrownBy(() -> digest(answer)).isInstanceOf(IOException.class);
  }

  @Test
  void theOneLongestUnusedIsForgotten() throws Exception {
    KnownGood known = new KnownGood(2);
    known.add(digest("{\"Id\":\"a\"}"), container("a"));
    known.add(digest("{\"Id\":\"b\"}"), container("b"));
    assertThat(known.get(digest("{\"Id\":\"a\"}"))).isEqualTo(container("a"));
    known.add(digest("{\"Id\":\"c\"}"), container("c"));
    assertThat(known.get(digest("{\"Id\":\"b\"}"))).isNull();
    assertThat(known.get(digest("{\"Id\":\"a\"}"))).isNotNull();
    assertThat(known.get(digest("{\"Id\":\"c\"}"))).isNotNull();
  }

  private static Container container(String id) {
    return new Container(id, "x", Container.State.RUNNING, null, null, null, 0, false);
  }
}
