/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.mcp;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.modelcontextprotocol.server.McpStatelessServerFeatures.SyncToolSpecification;
import io.modelcontextprotocol.spec.McpSchema.CallToolResult;
import io.modelcontextprotocol.spec.McpSchema.Tool;
import io.modelcontextprotocol.spec.McpSchema.ToolAnnotations;
import io.zcbot.sandbox.client.Command;
import io.zcbot.sandbox.client.CommandNotStartedException;
import io.zcbot.sandbox.client.CommandResult;
import io.zcbot.sandbox.client.CommandTimeoutException;
import io.zcbot.sandbox.client.RunningEntry;
import io.zcbot.sandbox.client.SandboxException;
import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.gateway.e2b.E2bException;
import io.zcbot.sandbox.gateway.files.FileContent;
import io.zcbot.sandbox.gateway.files.FileInfo;
import io.zcbot.sandbox.gateway.files.SandboxFileSystemException;
import io.zcbot.sandbox.gateway.interpreter.Interpreter;
import io.zcbot.sandbox.gateway.interpreter.InterpreterException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The tools, described for models. What goes wrong is a result with an error, since a model is
 * shown that, and may do better.
 */
final class Tools {
  static final String WORKSPACE = "/workspace";

  private static final Logger log = LoggerFactory.getLogger(Tools.class);

  /** How much of standard output, and of a file, is shown, in bytes. */
  private static final int MOST_SHOWN = 48 * 1024;

  private static final int MOST_ERRORS_SHOWN = 16 * 1024;

  /** How much output is read; workers drop what follows. */
  private static final int MOST_OUTPUT = 256 * 1024;

  private static final int MOST_ENTRIES = 500;
  private static final int MOST_WRITTEN = 4 << 20;

  /** How long a cancelled command is looked for, since it may not be on the log yet. */
  private static final Duration LOOKING = Duration.ofSeconds(10);

  /** After how many looks in vain none of a cancelled call's commands is left. */
  private static final int LOOKS_IN_VAIN = 2;

  private static final String REQUEST = "ZCBOT_MCP_REQUEST";

  private static final String LONG_OUTPUT =
      " Shown are up to 48 KiB of standard output and 16 KiB of standard error; for more, redirect to"
          + " a file and read parts of it with read_file, head, tail or grep.";

  private final long longestSeconds;

  Tools(Duration longestCommand) {
    this.longestSeconds = Math.max(1, longestCommand.toSeconds());
  }

  /** What a tool does. */
  interface Work {
    CallToolResult of(Call call) throws InterruptedException;
  }

  List<SyncToolSpecification> all() {
    Map<String, Object> timeout =
        number(
            "The command is killed after so many seconds.",
            Math.min(120, longestSeconds),
            1,
            longestSeconds);
    Map<String, Object> cwd =
        Map.of(
            "type", "string",
            "description", "The working directory, an absolute path.",
            "default", WORKSPACE);
    return List.of(
        tool(
            "run_shell",
            "Run a shell command",
            "Run a bash script in the sandbox, and return its output and exit code when it has ended."
                + " Each call is a process of its own: variables and 'cd' don't last, files do."
                + LONG_OUTPUT,
            properties(
                "command",
                string("The script for bash -c."),
                "timeout_seconds",
                timeout,
                "cwd",
                cwd),
            List.of("command"),
            changing(true, true),
            call -> run(call, Command.shell(call.required("command")))),
        tool(
            "run_python",
            "Run Python code",
            "Run Python 3 code in the sandbox, and return what it prints, the value of its last line and"
                + " pictures of matplotlib. Variables and imports are kept between calls, as in a"
                + " notebook, until the sandbox ends. If the result says that they are not kept, each"
                + " call is a new interpreter: print what you need, and save the rest in files."
                + LONG_OUTPUT,
            properties(
                "code",
                string("The code."),
                "timeout_seconds",
                timeout,
                "cwd",
                string("The directory to change to before, an absolute path.")),
            List.of("code"),
            changing(true, true),
            this::python),
        tool(
            "write_file",
            "Write a file",
            "Write a file in the sandbox, and replace it if it is there. Missing directories are"
                + " created. At most 4 MiB.",
            properties(
                "path", path(),
                "content", string("The file's whole content."),
                "encoding", encoding("what content is encoded in")),
            List.of("path", "content"),
            changing(true, false),
            call -> call.asLongAsBrokersAnswer(this::write)),
        tool(
            "read_file",
            "Read a file",
            "Read a part of a file of the sandbox. The end of the result says how to read on.",
            properties(
                "path", path(),
                "offset", number("The first byte to read.", 0, 0, Long.MAX_VALUE >> 12),
                "limit", number("How many bytes to read at most.", MOST_SHOWN, 1, MOST_SHOWN),
                "encoding", encoding("how the content is returned; base64 for binary files")),
            List.of("path"),
            reading(),
            call -> call.asLongAsBrokersAnswer(this::read)),
        tool(
            "list_files",
            "List files",
            "List a directory of the sandbox: type, size in bytes, time of the last change, path. At"
                + " most 500 entries; for more, use run_shell with find.",
            properties(
                "path", path(), "depth", number("How many levels of directories.", 1, 1, 10)),
            List.of(),
            reading(),
            call -> call.asLongAsBrokersAnswer(this::list)),
        tool(
            "stop",
            "End the sandbox",
            "End the sandbox: its processes are killed and its files outside of /workspace are gone."
                + " The next call of another tool makes a new one.",
            Map.of(),
            List.of(),
            changing(true, false),
            this::stop));
  }

  private static Map<String, Object> properties(Object... namesAndSchemas) {
    Map<String, Object> properties = new LinkedHashMap<>();
    for (int i = 0; i < namesAndSchemas.length; i += 2) {
      properties.put((String) namesAndSchemas[i], namesAndSchemas[i + 1]);
    }
    return properties;
  }

  private static Map<String, Object> string(String description) {
    return Map.of("type", "string", "description", description);
  }

  private static Map<String, Object> path() {
    return string("An absolute path, or one relative to /workspace.");
  }

  private static Map<String, Object> encoding(String description) {
    return Map.of(
        "type",
        "string",
        "enum",
        List.of("utf-8", "base64"),
        "default",
        "utf-8",
        "description",
        description);
  }

  private static Map<String, Object> number(
      String description, long otherwise, long least, long most) {
    return Map.of(
        "type", "integer",
        "description", description,
        "default", otherwise,
        "minimum", least,
        "maximum", most);
  }

  private static ToolAnnotations.Builder reading() {
    return ToolAnnotations.builder().readOnlyHint(true).openWorldHint(false);
  }

  private static ToolAnnotations.Builder changing(boolean destroys, boolean reachesOut) {
    return ToolAnnotations.builder()
        .readOnlyHint(false)
        .destructiveHint(destroys)
        .idempotentHint(!reachesOut)
        .openWorldHint(reachesOut);
  }

  private static SyncToolSpecification tool(
      String name,
      String title,
      String description,
      Map<String, Object> properties,
      List<String> required,
      ToolAnnotations.Builder hints,
      Work work) {
    Map<String, Object> schema = new LinkedHashMap<>();
    schema.put("type", "object");
    schema.put("properties", properties);
    schema.put("required", required);
    schema.put("additionalProperties", false);
    return new SyncToolSpecification(
        Tool.builder(name, schema)
            .title(title)
            .description(description)
            .annotations(hints.title(title).build())
            .build(),
        (context, request) -> result(new Call(context, request), work));
  }

  private static CallToolResult result(Call call, Work work) {
    try {
      return again(call, work);
    } catch (CommandNotStartedException e) {
      return error(e.getMessage() + (e.isRetryable() ? "; call the tool again in a moment" : ""));
    } catch (CommandTimeoutException e) {
      return error(
          output(e.result())
              + "\n[killed at its time-out, after "
              + e.result().took().toSeconds()
              + " s; give it a larger timeout_seconds, or start it with nohup and & and look at its"
              + " output later]");
    } catch (SandboxException
        | SandboxFileSystemException
        | E2bException
        | Call.ArgumentException e) {
      return error(String.valueOf(e.getMessage()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return error("the server is stopping; call the tool again in a moment");
    }
  }

  /** Does the work in a new sandbox if the one before ended just then: nothing has run. */
  private static CallToolResult again(Call call, Work work) throws InterruptedException {
    try {
      return work.of(call);
    } catch (CommandNotStartedException e) {
      if (e.reason() != Exited.Reason.NO_SANDBOX) {
        throw e;
      }
      call.sandboxIsGone();
      return work.of(call);
    }
  }

  private static CallToolResult text(String text) {
    return CallToolResult.builder().addTextContent(text).isError(false).build();
  }

  private static CallToolResult error(String text) {
    return CallToolResult.builder().addTextContent(text).isError(true).build();
  }

  /** Runs code in the interpreter, or as a program if the image has none. */
  private CallToolResult python(Call call) throws InterruptedException {
    String code = call.required("code");
    ObjectNode request =
        McpEndpoint.JSON
            .createObjectNode()
            .put("operation", "execute")
            .put("code", code)
            .put("cwd", call.text("cwd"));
    Duration timeout = timeout(call);
    Interpreter interpreter =
        new Interpreter(call.ensured(), command -> command.env(REQUEST, call.mark()));
    PythonAnswer answer = new PythonAnswer(call);
    try {
      boolean isComplete = interpreter.ask(request, timeout, answer);
      return isComplete
          ? answer.result()
          : error(answer.text() + "\n[the interpreter has ended, and its variables are gone]");
    } catch (CommandTimeoutException e) {
      return error(
          answer.text()
              + "\n[interrupted after "
              + timeout.toSeconds()
              + " s; variables are kept; give it a larger timeout_seconds]");
    } catch (InterpreterException e) {
      if (!e.isMissing()) {
        return error(e.text());
      }
      CommandResult result = ended(call, Command.of("python3", "-").stdin(code));
      return text(
          output(result)
              + "\n"
              + ending(result)
              + "\n[variables are not kept: this sandbox has no kernel]");
    }
  }

  private CallToolResult run(Call call, Command command) throws InterruptedException {
    CommandResult result = ended(call, command);
    return text(output(result) + "\n" + ending(result));
  }

  private Duration timeout(Call call) {
    return Duration.ofSeconds(
        call.number("timeout_seconds", Math.min(120, longestSeconds), 1, longestSeconds));
  }

  private CommandResult ended(Call call, Command command) throws InterruptedException {
    Command whole =
        command
            .onlyInExistingSandbox()
            .cwd(call.text("cwd", WORKSPACE))
            .timeout(timeout(call))
            .maxOutput(MOST_OUTPUT)
            .env(REQUEST, call.mark());
    return call.wantsProgress()
        ? call.ensured().run(whole, chunk -> call.progress(chunk.text()))
        : call.ensured().run(whole);
  }

  private static String output(CommandResult result) {
    return output(result.stdoutBytes(), result.stderrBytes(), result.isTruncated());
  }

  /** Returns output as a model is shown it. */
  static String output(byte[] stdout, byte[] stderr, boolean isTruncated) {
    String out = Shown.of(stdout, MOST_SHOWN);
    String errors = Shown.of(stderr, MOST_ERRORS_SHOWN);
    String text = errors.isEmpty() ? out : out + "\n[standard error]\n" + errors;
    return isTruncated
        ? text + "\n[more output was dropped; redirect it to a file and read parts of it]"
        : text;
  }

  private static String ending(CommandResult result) {
    if (result.isOutOfMemory()) {
      return "[exit code " + result.exitCode() + ": the sandbox has too little memory for this]";
    }
    return result.signal() == 0
        ? "[exit code " + result.exitCode() + "]"
        : "[killed by signal " + result.signal() + "]";
  }

  private CallToolResult write(Call call) throws InterruptedException {
    String content = call.required("content");
    byte[] bytes;
    try {
      bytes =
          isBase64(call)
              ? Base64.getMimeDecoder().decode(content)
              : content.getBytes(StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      throw new Call.ArgumentException("content is not base64");
    }
    if (bytes.length > MOST_WRITTEN) {
      throw new Call.ArgumentException(
          "content has more than 4 MiB; write it in parts, and append them with run_shell");
    }
    try {
      String path =
          call.files().write(call.required("path"), new ByteArrayInputStream(bytes), Map.of());
      return text("wrote " + bytes.length + " bytes to " + path);
    } catch (IOException e) {
      throw new AssertionError(e); // it is in memory
    }
  }

  private static boolean isBase64(Call call) {
    return switch (call.text("encoding", "utf-8")) {
      case "utf-8" -> false;
      case "base64" -> true;
      default -> throw new Call.ArgumentException("encoding must be utf-8 or base64");
    };
  }

  private CallToolResult read(Call call) throws InterruptedException {
    long offset = call.number("offset", 0, 0, Long.MAX_VALUE >> 12);
    int limit = (int) call.number("limit", MOST_SHOWN, 1, MOST_SHOWN);
    boolean isBase64 = isBase64(call);
    byte[] bytes;
    long whole;
    try (FileContent content = call.files().read(call.required("path"), offset, limit)) {
      bytes = content.readNBytes(limit);
      whole = content.fileLength();
    } catch (IOException e) {
      return error("the file can't be read to its end: " + e.getMessage() + "; read it again");
    }
    if (!isBase64 && offset + bytes.length < whole) {
      bytes = withoutBrokenEnd(bytes);
    }
    long end = offset + bytes.length;
    String shown =
        isBase64
            ? Base64.getEncoder().encodeToString(bytes)
            : new String(bytes, StandardCharsets.UTF_8);
    if (offset == 0 && end >= whole) {
      return text(shown);
    }
    return text(
        shown
            + "\n[bytes "
            + offset
            + " to "
            + end
            + " of "
            + whole
            + (end < whole ? "; read on with offset " + end : "")
            + "]");
  }

  /** Leaves out a character at the end that is not complete, unless there is nothing else. */
  private static byte[] withoutBrokenEnd(byte[] bytes) {
    for (int back = 1; back <= Math.min(3, bytes.length - 1); back++) {
      int lead = bytes[bytes.length - back] & 0xff;
      if (lead >= 0xc0) {
        int length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
        return length > back ? Arrays.copyOf(bytes, bytes.length - back) : bytes;
      }
      if (lead < 0x80) {
        return bytes;
      }
    }
    return bytes;
  }

  private CallToolResult list(Call call) throws InterruptedException {
    List<FileInfo> found =
        call.files().list(call.text("path", WORKSPACE), call.number("depth", 1, 1, 10));
    StringJoiner lines = new StringJoiner("\n");
    for (FileInfo file : found.subList(0, Math.min(MOST_ENTRIES, found.size()))) {
      lines.add(
          switch (file.type()) {
                case FILE -> "file";
                case DIRECTORY -> "directory";
                case OTHER -> "other";
              }
              + " "
              + file.size()
              + " "
              + file.modified()
              + " "
              + file.path());
    }
    if (found.isEmpty()) {
      lines.add("[no files]");
    } else if (found.size() > MOST_ENTRIES) {
      lines.add(
          "[" + (found.size() - MOST_ENTRIES) + " more are not shown; use run_shell with find]");
    }
    return text(lines.toString());
  }

  private CallToolResult stop(Call call) throws InterruptedException {
    return text(call.stop() ? "the sandbox has ended" : "there was no sandbox");
  }

  /**
   * Kills the commands of a request, whichever gateway serves it. A call may consist of several,
   * and the kill of one that has just ended stops nothing: so it is looked again until none is
   * left.
   */
  void cancel(McpCaller caller, String mark) {
    long end = System.nanoTime() + LOOKING.toNanos();
    boolean isFound = false;
    int looksInVain = 0;
    try {
      while (System.nanoTime() < end && !(isFound && looksInVain == LOOKS_IN_VAIN)) {
        looksInVain++;
        for (RunningEntry entry : caller.sandbox().commands()) {
          if (entry.exec() != null && mark.equals(entry.exec().environment().get(REQUEST))) {
            caller.sandbox().signal(entry.execId(), CommandSignal.KILL);
            isFound = true;
            looksInVain = 0;
          }
        }
        Thread.sleep(500);
      }
    } catch (SandboxException e) {
      log.warn("a cancelled command may go on until its time-out: {}", e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
