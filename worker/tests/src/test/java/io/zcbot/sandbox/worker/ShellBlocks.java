/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The blocks of shell commands in the Markdown documents of the repository. */
public final class ShellBlocks {
  private static final Pattern BLOCK =
      Pattern.compile("(?ms)^ *```(?:sh|bash|console)\\b *([^\\n]*)\\n(.*?)^ *```");

  private ShellBlocks() {}

  /**
   * One block.
   *
   * @param info what follows the language in its first line; readers do not see it
   */
  public record Block(Path document, String info, String text) {}

  public static List<Block> all() throws IOException {
    List<Block> blocks = new ArrayList<>();
    for (Path document : DocumentationTest.documents()) {
      Matcher block = BLOCK.matcher(Files.readString(document));
      while (block.find()) {
        blocks.add(new Block(document, block.group(1).strip(), block.group(2)));
      }
    }
    return blocks;
  }
}
