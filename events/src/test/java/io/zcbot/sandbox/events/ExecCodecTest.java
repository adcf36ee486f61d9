/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExecCodecTest extends CodecCase {
  private Exec exec(String fields) throws EventFormatException {
    return codec.decodeExec(bytes(USER), bytes(json(fields)), ORIGIN);
  }

  private static String json(String fields) {
    return "{\"user_id\":\"" + USER + "\"," + fields + "}";
  }

  /** The command table has it twice in each entry, and entries have a bound. */
  @Test
  void anIdIsNotLongerThanWorkersKeep() throws Exception {
    String longest = "\"event_id\":\"" + "x".repeat(256) + "\",\"shell\":\"ls\"";
    assertThat(exec(longest).eventId()).hasSize(256);
    assertThat(execRefusal(longest.replace("xx", "xy").replaceFirst("x", "zx")))
        .isEqualTo("event_id: is 257 characters long; at most 256 are allowed");
  }

  private String execRefusal(String fields) {
    return refusal(Topic.EXEC, json(fields));
  }

  @Test
  void aCommandIsEnough() throws Exception {
    Exec exec = exec("\"command\":[\"ls\",\"-l\",\"\"]");
    assertThat(exec)
        .isEqualTo(
            new Exec(
                ORIGIN.eventId(),
                UserId.parse(USER),
                APPENDED,
                null,
                null,
                new Exec.Program.Command(List.of("ls", "-l", "")),
                Data.EMPTY,
                false,
                Map.of(),
                null,
                null,
                null,
                false,
                null,
                true));
  }

  @Test
  void aScriptRunsInBash() throws Exception {
    Exec exec = exec("\"shell\":\"echo hi |\\ncat\"");
    assertThat(exec.program().arguments()).containsExactly("bash", "-c", "echo hi |\ncat");
  }

  @Test
  void everythingCanBeSaid() throws Exception {
    Exec exec =
        exec(
            """
            "command":["cat"],"stdin_base64":"AP8=","env":{"A":"b=c","B":""},"cwd":"/tmp",
            "timeout_seconds":86400,"max_output_bytes":0,"stream":true,"ensure":false,
            "announce_start":true,
            "tty":{"columns":80,"rows":24,"pixels":[1]},"requested_by":"svc"\
            """);
    assertThat(exec.stdin()).isEqualTo(Data.of(new byte[] {0, -1}));
    assertThat(exec.environment()).isEqualTo(Map.of("A", "b=c", "B", ""));
    assertThat(exec.directory()).isEqualTo("/tmp");
    assertThat(exec.timeout()).isEqualTo(Duration.ofHours(24));
    assertThat(exec.maxOutputBytes()).isZero();
    assertThat(exec.stream()).isTrue();
    assertThat(exec.ensure()).isFalse();
    assertThat(exec.announceStart()).isTrue();
    assertThat(exec.terminal()).isEqualTo(new TerminalSize(80, 24));
    assertThat(exec.requestedBy()).isEqualTo("svc");
  }

  @Test
  void aTerminalIsReadFromUnlessTheExecSaysOtherwise() throws Exception {
    String tty = "\"command\":[\"sh\"],\"tty\":{\"columns\":80,\"rows\":24}";
    assertThat(exec(tty).inputFollows()).isTrue();
    assertThat(exec(tty + ",\"input\":false").inputFollows()).isFalse();
    assertThat(exec("\"command\":[\"sh\"],\"input\":true").inputFollows()).isTrue();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          "x":1                                 | command: missing; send command, an array of strings, or shell, a string for bash -c
          "command":null,"shell":null           | command: missing; send command, an array of strings, or shell, a string for bash -c
          "command":["ls"],"shell":"ls"         | shell: is given together with command; send one of the two
          "command":"ls -l"                     | command: is a string; make it an array of strings
          "command":{}                          | command: is an object; make it an array of strings
          "command":[]                          | command: names no program; its first element must be one
          "command":["","x"]                    | command: names no program; its first element must be one
          "command":["ls",null]                 | command: element 1 is null; make it a string
          "command":["ls",1]                    | command: element 1 is a number; make it a string
          "command":["ls",["-l"]]               | command: element 1 is an array; make it a string
          "command":["ls","a\\u0000b"]          | command: element 1 has a NUL character; remove it
          "command":["ls","\\ud800"]            | command: element 1 has an unpaired surrogate; send complete characters
          "shell":["ls"]                        | shell: is an array; make it a string
          "shell":""                            | shell: is empty; give a value or leave the field out
          "shell":" \\n"                        | shell: is empty; give a value or leave the field out
          "shell":"a\\u0000"                    | shell: has a NUL character; remove it
          "shell":"x","stdin":"a","stdin_base64":"YQ==" | stdin_base64: is given together with stdin; send one of the two
          "shell":"x","stdin_base64":"a b"      | stdin_base64: is not base64; use the alphabet with + and /, without line breaks
          "shell":"x","stdin_base64":"_-=="     | stdin_base64: is not base64; use the alphabet with + and /, without line breaks
          "shell":"x","stdin":1                 | stdin: is a number; make it a string
          "shell":"x","stdin":"\\udc00"         | stdin: has an unpaired surrogate; send complete characters
          "shell":"x","input":"yes"             | input: is a string; make it true or false
          "shell":"x","env":[]                  | env: is an array; make it an object of strings
          "shell":"x","env":{"":"x"}            | env: has a variable without a name; give it one
          "shell":"x","env":{"A=secret":"x"}    | env: the name 'A=…' has a =; remove it
          "shell":"x","env":{"A=secret":1}      | env: the value of 'A=…' is a number; make it a string
          "shell":"x","env":{"A=secret\\u0000":"x"} | env: the name 'A=…' has a NUL character; remove it
          "shell":"x","env":{"A=secret":"","A=secret":""} | env: has the field 'A=…' twice; send it once
          "shell":"x","env":{"A\\u0000":"x"}    | env: the name 'A?' has a NUL character; remove it
          "shell":"x","env":{"A":"x\\u0000"}    | env: the value of 'A' has a NUL character; remove it
          "shell":"x","env":{"A":1}             | env: the value of 'A' is a number; make it a string
          "shell":"x","env":{"A":null}          | env: the value of 'A' is null; make it a string
          "shell":"x","env":{"A":"","A":""}     | env: has the field 'A' twice; send it once
          "shell":"x","cwd":"src"               | cwd: is not absolute; begin it with a /
          "shell":"x","cwd":""                  | cwd: is empty; give a value or leave the field out
          "shell":"x","cwd":"/a\\u0000"         | cwd: has a NUL character; remove it
          "shell":"x","timeout_seconds":0       | timeout_seconds: is not a whole number from 1 to 86400
          "shell":"x","timeout_seconds":-1      | timeout_seconds: is not a whole number from 1 to 86400
          "shell":"x","timeout_seconds":86401   | timeout_seconds: is not a whole number from 1 to 86400
          "shell":"x","timeout_seconds":1.5     | timeout_seconds: is not a whole number from 1 to 86400
          "shell":"x","timeout_seconds":"60"    | timeout_seconds: is not a whole number from 1 to 86400
          "shell":"x","timeout_seconds":9223372036854775808 | timeout_seconds: is not a whole number from 1 to 86400
          "shell":"x","max_output_bytes":-1     | max_output_bytes: is not a whole number from 0 to 16777216
          "shell":"x","max_output_bytes":16777217 | max_output_bytes: is not a whole number from 0 to 16777216
          "shell":"x","stream":1                | stream: is a number; make it true or false
          "shell":"x","tty":true                | tty: is a boolean; make it an object
          "shell":"x","tty":{"columns":80}      | tty.rows: missing; it is required
          "shell":"x","tty":{"columns":0,"rows":1} | tty.columns: is not a whole number from 1 to 10000
          "shell":"x","tty":{"columns":80,"rows":10001} | tty.rows: is not a whole number from 1 to 10000
          "shell":"x","tty":{"columns":80,"rows":1,"rows":1} | tty: has the field 'rows' twice; send it once
          """)
  void refusalsNameFieldAndProblem(String fields, String problem) {
    assertThat(execRefusal(fields)).isEqualTo(problem);
  }

  @Test
  void argumentsAreBoundedAsTheKernelBoundsThem() throws Exception {
    String most = "x".repeat(ExecCodec.MAX_ARGUMENT_BYTES - 3);
    assertThat(exec("\"command\":[\"a\",\"" + most.substring(0, most.length()) + "\"]").program())
        .isNotNull();
    assertThat(execRefusal("\"command\":[\"a\",\"x" + most + "\"]"))
        .isEqualTo(
            "command: takes 131073 bytes, counting a NUL for each argument; at most 131072 are"
                + " allowed; send long input as stdin");
    String script = "ä".repeat((ExecCodec.MAX_ARGUMENT_BYTES - "bash -c ".length()) / 2);
    assertThat(execRefusal("\"shell\":\"" + script + "\"")).startsWith("shell: takes 131073 bytes");
    assertThat(exec("\"shell\":\"" + script.substring(1) + "\"").program()).isNotNull();
  }

  @Test
  void theEnvironmentIsBounded() throws Exception {
    String most = "x".repeat(ExecCodec.MAX_VARIABLE_BYTES - 3);
    assertThat(exec("\"shell\":\"x\",\"env\":{\"A\":\"" + most + "\"}").environment()).hasSize(1);
    assertThat(execRefusal("\"shell\":\"x\",\"env\":{\"A\":\"x" + most + "\"}"))
        .isEqualTo(
            "env: takes 65537 bytes, counting = and a NUL for each variable; at most 65536 are"
                + " allowed");
  }

  @Test
  void elementsAreCounted() throws Exception {
    String arguments = "\"a\"" + ",\"\"".repeat(ExecCodec.MAX_ARGUMENTS - 1);
    assertThat(exec("\"command\":[" + arguments + "]").program().arguments()).hasSize(4096);
    assertThat(execRefusal("\"command\":[" + arguments + ",\"\"]"))
        .isEqualTo("command: has more than 4096 elements; send fewer");
    String variables =
        IntStream.range(0, ExecCodec.MAX_VARIABLES)
            .mapToObj(i -> "\"" + i + "\":\"\"")
            .collect(Collectors.joining(","));
    assertThat(exec("\"shell\":\"x\",\"env\":{" + variables + "}").environment()).hasSize(1024);
    assertThat(execRefusal("\"shell\":\"x\",\"env\":{" + variables + ",\"A\":\"\"}"))
        .isEqualTo("env: has more than 1024 fields; send fewer");
    assertThat(execRefusal("\"shell\":\"x\"," + variables))
        .isEqualTo("value: has more than 1024 fields; send fewer");
  }

  @Test
  void theWorkingDirectoryIsBounded() {
    assertThat(execRefusal("\"shell\":\"x\",\"cwd\":\"/" + "ä".repeat(2048) + "\""))
        .isEqualTo("cwd: takes 4097 bytes; at most 4095 are allowed");
  }

  @Test
  void theRecordIsBounded() throws Exception {
    String head = json("\"shell\":\"cat\",\"stdin\":\"").replace("}", "");
    String stdin = "x".repeat(Topic.EXEC.maxBytes() - head.length() - 2);
    byte[] most = bytes(head + stdin + "\"}");
    assertThat(most).hasSize(1_000_000);
    assertThat(codec.decodeExec(bytes(USER), most, ORIGIN).stdin().length())
        .isEqualTo(stdin.length());
    assertThat(refusal(Topic.EXEC, head + stdin + "x\"}"))
        .isEqualTo("value: is 1000001 bytes; at most 1000000 are allowed");
  }

  @Test
  void whatIsNestedIsBoundedAndNotKept() throws Exception {
    assertThat(execRefusal("\"shell\":\"x\",\"command\":" + "[".repeat(5000)))
        .startsWith("value: is not JSON");
    assertThat(execRefusal("\"command\":[" + "[".repeat(20) + "]".repeat(20) + "]"))
        .startsWith("value: is not JSON");
    assertThat(execRefusal("\"command\":[" + "9".repeat(1000) + "]"))
        .startsWith("value: is not JSON");
    assertThat(execRefusal("\"shell\":\"x\",\"env\":{\"A\":{\"B\":{}}}"))
        .isEqualTo("env: the value of 'A' is an object; make it a string");
    assertThat(exec("\"shell\":\"x\",\"new\":{\"a\":{\"a\":1,\"a\":2}}")).isNotNull();
  }

  /** A refusal is logged and stored, and what a command reads is nobody's business. */
  @Test
  void whatIsNoJsonIsNotQuoted() {
    assertThat(refusal(Topic.EXEC, "{\"stdin\": secret}"))
        .isEqualTo("value: is not JSON (line 1, column 11)");
    assertThat(execRefusal("\"shell\":\"x\",\"x\":" + "[".repeat(50)))
        .startsWith("value: is not JSON: 'Document nesting depth (17) exceeds");
  }

  /** Jackson's own limit is shorter. */
  @Test
  void aNameMayTakeTheSpaceOfAllVariables() throws Exception {
    assertThat(exec("\"shell\":\"x\",\"env\":{\"" + "x".repeat(65_534) + "\":\"\"}").environment())
        .hasSize(1);
    assertThat(execRefusal("\"shell\":\"x\",\"env\":{\"" + "x".repeat(65_535) + "\":\"\"}"))
        .startsWith("env: takes 65537 bytes");
  }

  @Test
  void hostileNamesAreNotRepeatedInFull() {
    String refusal =
        execRefusal("\"shell\":\"x\",\"env\":{\"\\u001b[2J" + "x".repeat(900) + "\":1}");
    assertThat(refusal).startsWith("env: the value of '?[2Jxxx").hasSizeLessThan(150);
  }

  @Test
  void whatIsUsualIsNotWritten() {
    Exec exec =
        new Exec(
            "e-1",
            UserId.parse(USER),
            APPENDED,
            null,
            null,
            new Exec.Program.Shell("ls"),
            Data.EMPTY,
            false,
            Map.of(),
            null,
            null,
            null,
            false,
            null,
            true);
    assertThat(new String(codec.encode(exec), StandardCharsets.UTF_8))
        .isEqualTo(
            "{\"event_id\":\"e-1\",\"user_id\":\"%s\",\"requested_at\":\"%s\",\"shell\":\"ls\"}"
                .formatted(USER, APPENDED));
  }
}
