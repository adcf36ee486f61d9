/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What the documents show works as it is written there. */
@Tag("engine")
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ExamplesIT {
  private static final Pattern JAVA = Pattern.compile("(?s)```java\n(.*?)```");

  private TestBed bed;

  @BeforeAll
  void start() throws Exception {
    bed = TestBed.onTheEngine().start();
  }

  @AfterAll
  void stop() throws Exception {
    bed.close();
  }

  @Test
  void theReadmesProgramRunsACommandInFiveLines(@TempDir Path directory) throws Exception {
    Matcher block = JAVA.matcher(Files.readString(SourceFiles.REPOSITORY.resolve("README.md")));
    assertThat(block.find()).isTrue();
    List<String> lines = block.group(1).lines().filter(line -> !line.isBlank()).toList();
    List<String> imports = lines.stream().filter(line -> line.startsWith("import ")).toList();
    List<String> statements = lines.subList(imports.size(), lines.size());
    assertThat(statements).noneMatch(line -> line.startsWith("import "));
    assertThat(statements).hasSizeLessThanOrEqualTo(5);

    Path program = directory.resolve("Readme.java");
    Files.writeString(
        program,
        String.join("\n", imports)
            + "\nclass Readme { public static void main(String[] args) throws Exception {\n"
            + String.join("\n", statements).replace("127.0.0.1:9092", bed.bootstrapServers())
            + "\n}}\n");
    assertThat(SourceFiles.run(program, directory)).isEqualTo("42\n");
  }

  @Test
  void theProgramOfTheDocumentDoesWhatItSays(@TempDir Path directory) throws Exception {
    Path document = SourceFiles.REPOSITORY.resolve("docs/clients.md");
    Matcher block = JAVA.matcher(Files.readString(document));
    assertThat(block.find()).isTrue();
    Path program = directory.resolve("Document.java");
    Files.writeString(
        program,
        """
        import io.zcbot.sandbox.client.*;
        import io.zcbot.sandbox.events.*;
        import java.io.InputStream;
        import java.time.Duration;
        class Document {
          public static void main(String[] args) throws Exception {
            try (SandboxClient client = SandboxClient.connect(args[0]);
                Sandbox sandbox = client.sandbox(args[1])) {
        """
            + block.group(1)
            + "}}}");
    assertThat(SourceFiles.run(program, directory, bed.bootstrapServers(), TestBed.newUser()))
        .startsWith("0 HELLO\n1\n2\n3\nline\ntrue\na,b\nin.csv\n");
  }

  @Test
  void theAgentLoopGetsItsAnswer(@TempDir Path directory) throws Exception {
    Path program = SourceFiles.REPOSITORY.resolve("examples/java/AgentLoop.java");
    assertThat(SourceFiles.run(program, directory, bed.bootstrapServers(), TestBed.newUser()))
        .isEqualTo("the sum is 55\n");
  }
}
