/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.helidon.http.HeaderNames;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import io.zcbot.sandbox.client.SandboxException;
import io.zcbot.sandbox.client.SharedPermits;
import io.zcbot.sandbox.gateway.TimedOutput;
import io.zcbot.sandbox.gateway.TimedOutput.ClientGoneException;
import io.zcbot.sandbox.gateway.files.FileContent;
import io.zcbot.sandbox.gateway.files.FileInfo;
import io.zcbot.sandbox.gateway.files.SandboxFileSystem;
import io.zcbot.sandbox.gateway.files.SandboxFileSystemException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.ZipException;
import org.apache.commons.fileupload2.core.FileUploadException;
import org.apache.commons.fileupload2.core.FileUploadSizeException;
import org.apache.commons.fileupload2.core.MultipartInput;
import org.jspecify.annotations.Nullable;

/**
 * E2B's {@code /files}: the bytes of files, in and out. All of them have so much memory, of which a
 * tenant takes no more than it leaves to others.
 */
final class FileTransfer {
  private static final String METADATA = "x-metadata-";

  /** What all attributes of a file may take, each with the prefix of its name. */
  private static final int MAX_METADATA = 4096;

  private static final int PREFIX = "user.e2b.".length();
  private static final int MAX_METADATA_KEY = 246;
  private static final int MAX_PARTS = 1000;
  private static final int MAX_PART_HEADERS = 16 * 1024;
  private static final int COPIED = 64 * 1024;
  private static final int MAX_COMPOSE = 256 * 1024;

  /** What all transfers have in memory at most, in KiB. */
  private static final int MEMORY = 64 << 10;

  /** How long a transfer waits for others of the same tenant before anything of it is moved. */
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private static final Pattern RANGE = Pattern.compile("bytes=([0-9]{0,18})-([0-9]{0,18})");
  private static final Pattern DISPOSITION =
      Pattern.compile("(?im)^content-disposition:\\s*form-data\\b([^\\r\\n]*)");
  private static final Pattern NAME = Pattern.compile(";\\s*name=\"([^\"]*)\"");
  private static final Pattern FILE_NAME = Pattern.compile(";\\s*filename=\"([^\"]*)\"");
  private static final Pattern BOUNDARY =
      Pattern.compile(";\\s*boundary=(?:\"([^\"]+)\"|([^;\\s\"]+))");

  private final Sandboxes sandboxes;
  private final SharedPermits memory = new SharedPermits(MEMORY, PATIENCE);

  FileTransfer(Sandboxes sandboxes) {
    this.sandboxes = sandboxes;
  }

  private SandboxFileSystem of(SandboxView sandbox) {
    return new SandboxFileSystem(sandboxes.of(sandbox), Processes.HOME);
  }

  /** The memory of a transfer, until it is closed. For one thread. */
  private final class Room implements AutoCloseable {
    private final String tenant;
    private int held;

    Room(SandboxView sandbox) {
      this.tenant = sandbox.tenant();
    }

    /**
     * Waits until there is room for so many bytes in all.
     *
     * @throws E2bException with 429 if there is none in time, with 503 if brokers are away
     */
    void hold(int bytes) throws InterruptedException {
      int more = (bytes + 1023) / 1024 - held;
      if (more <= 0) {
        return;
      }
      if (!sandboxes.brokers().use(() -> memory.take(tenant, more))) {
        throw new E2bException(
            429,
            "the tenant's uploads and downloads have as much memory as they leave to others; try"
                + " again when one has ended",
            1);
      }
      held += more;
    }

    @Override
    public void close() {
      if (held > 0) {
        memory.give(tenant, held);
        held = 0;
      }
    }
  }

  /** Returns how many bytes of a body are in memory at most while it is written to files. */
  private static int held(ServerRequest request) {
    long length =
        request.headers().contains(HeaderNames.CONTENT_ENCODING)
            ? Long.MAX_VALUE // it is decoded here
            : request.headers().contentLength().orElse(Long.MAX_VALUE);
    return (int) Math.min(SandboxFileSystem.MOST_HELD, Math.max(1, Math.min(length, 1 << 30) * 2));
  }

  /** Serves a download. */
  void read(SandboxView sandbox, ServerRequest request, ServerResponse response) {
    requireUser(request);
    String path = parameter(request, "path");
    if (path == null) {
      throw new E2bException(400, "path is missing");
    }
    answered(
        () -> {
          SandboxFileSystem files = of(sandbox);
          try (Room room = new Room(sandbox)) {
            room.hold(SandboxFileSystem.OPENED);
            ByteRange range = sandboxes.brokers().use(() -> range(request, files, path));
            send(files, path, range, room, response);
          }
        });
  }

  private void send(
      SandboxFileSystem files, String path, ByteRange range, Room room, ServerResponse response)
      throws IOException, InterruptedException {
    try (FileContent content =
        sandboxes.brokers().use(() -> files.read(path, range.start(), range.length()))) {
      room.hold(content.held());
      response.header("Content-Type", "application/octet-stream");
      response.header("Accept-Ranges", "bytes");
      if (range.isWhole()) {
        response.status(200);
      } else if (content.length() > 0) {
        response.status(206).header("Content-Range", range.of(content));
      } else {
        response.header("Content-Range", "bytes */" + content.fileLength());
        throw new E2bException(416, "the file has " + content.fileLength() + " bytes");
      }
      send(content, response);
    }
  }

  /** A part of a file. */
  private record ByteRange(long start, long length) {
    static final ByteRange WHOLE = new ByteRange(0, Long.MAX_VALUE);

    boolean isWhole() {
      return equals(WHOLE);
    }

    /** Returns which part of its file a content is, as a header. */
    String of(FileContent content) {
      return "bytes " + start + "-" + (start + content.length() - 1) + "/" + content.fileLength();
    }
  }

  /** Returns which part of a file a request wants: all of it, unless that is one range. */
  private static ByteRange range(ServerRequest request, SandboxFileSystem files, String path)
      throws InterruptedException {
    Matcher range = RANGE.matcher(request.headers().first(HeaderNames.RANGE).orElse(""));
    if (!range.matches() || (range.group(1).isEmpty() && range.group(2).isEmpty())) {
      return ByteRange.WHOLE;
    }
    if (range.group(1).isEmpty()) { // the last bytes
      try (FileContent content = files.read(path, 0, 0)) {
        long start = Math.max(0, content.fileLength() - Long.parseLong(range.group(2)));
        return new ByteRange(start, Math.max(0, content.fileLength() - start));
      }
    }
    long start = Long.parseLong(range.group(1));
    if (range.group(2).isEmpty()) {
      return new ByteRange(start, Long.MAX_VALUE - start);
    }
    long last = Long.parseLong(range.group(2));
    return last < start ? ByteRange.WHOLE : new ByteRange(start, last - start + 1);
  }

  private static void send(FileContent content, ServerResponse response) throws IOException {
    response.header("Content-Length", Long.toString(content.length()));
    if (content.length() == 0) {
      response.send(new byte[0]);
      return;
    }
    byte[] buffer = new byte[COPIED];
    int read = content.read(buffer, 0, buffer.length); // errors before the first byte
    try (OutputStream out = new TimedOutput(response.outputStream())) {
      for (; read > 0; read = content.read(buffer, 0, buffer.length)) {
        out.write(buffer, 0, read);
      }
    } catch (ClientGoneException e) {
      // Nobody reads the rest.
    }
  }

  /** What moves files. */
  private interface Transfer {
    void run() throws IOException, InterruptedException;
  }

  private static void answered(Transfer transfer) {
    try {
      transfer.run();
    } catch (SandboxFileSystemException e) {
      throw FileEntries.rest(e);
    } catch (FileUploadException e) {
      throw new E2bException(400, "the form is malformed: " + e.getMessage());
    } catch (ZipException e) {
      throw new E2bException(400, "the body is not gzip: " + e.getMessage());
    } catch (IOException e) {
      if (e.getCause() instanceof SandboxFileSystemException cause) {
        throw FileEntries.rest(cause);
      }
      if (e.getCause() instanceof SandboxException cause) {
        throw gone(cause);
      }
      throw new E2bException(400, "the body can't be read: " + e.getMessage());
    } catch (InterruptedException e) {
      throw Sandboxes.stopping();
    } catch (SandboxException e) {
      throw gone(e);
    }
  }

  static E2bException gone(SandboxException e) {
    E2bException unavailable = Sandboxes.unavailable(e);
    if (unavailable.status() == 503) { // E2B's clients take 502 for the sandbox's end
      return unavailable;
    }
    ConnectException failure = Processes.failure(e);
    return switch (failure.code()) {
      case UNAVAILABLE -> new E2bException(502, failure.text());
      case RESOURCE_EXHAUSTED -> new E2bException(429, failure.text(), 1);
      default -> new E2bException(500, failure.text());
    };
  }

  /** Serves an upload of one file or of several. */
  void write(SandboxView sandbox, ServerRequest request, ServerResponse response) {
    requireUser(request);
    String path = parameter(request, "path");
    Map<String, String> metadata = metadata(request);
    String type = request.headers().first(HeaderNames.CONTENT_TYPE).orElse("");
    ArrayNode written = Json.MAPPER.createArrayNode();
    answered(
        () -> {
          try (Room room = new Room(sandbox);
              InputStream body = request.content().inputStream()) {
            room.hold(held(request));
            if (type.toLowerCase(Locale.ROOT).startsWith("multipart/form-data")) {
              form(of(sandbox), body, boundary(type), path, metadata, written);
            } else if (path == null) {
              throw new E2bException(400, "path is missing");
            } else {
              write(of(sandbox), path, body, metadata, written);
            }
          }
        });
    response.status(200).header("Content-Type", "application/json");
    TimedOutput.send(response, Json.write(written));
  }

  /** Serves {@code /files/compose}: several files become one. */
  void compose(SandboxView sandbox, ServerRequest request, ServerResponse response) {
    ObjectNode in = Json.body(request, MAX_COMPOSE);
    requireUser(Json.optionalText(in, "username"));
    List<String> sources = Json.list(in, "source_paths");
    String destination = Json.text(in, "destination");
    answered(
        () -> {
          FileInfo made = sandboxes.brokers().use(() -> of(sandbox).compose(sources, destination));
          response
              .status(200)
              .header("Content-Type", "application/json")
              .send(Json.write(entry(made.path(), Map.of())));
        });
  }

  private static byte[] boundary(String type) {
    Matcher boundary = BOUNDARY.matcher(type);
    if (!boundary.find()) {
      throw new E2bException(400, "Content-Type has no boundary");
    }
    String text = boundary.group(1) == null ? boundary.group(2) : boundary.group(1);
    return text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
  }

  private void form(
      SandboxFileSystem files,
      InputStream body,
      byte[] boundary,
      @Nullable String path,
      Map<String, String> metadata,
      ArrayNode written)
      throws IOException, InterruptedException {
    MultipartInput form;
    try {
      form =
          MultipartInput.builder()
              .setInputStream(body)
              .setBoundary(boundary)
              .setMaxPartHeaderSize(MAX_PART_HEADERS)
              .get();
    } catch (IllegalArgumentException e) {
      throw new E2bException(400, "Content-Type: " + e.getMessage());
    }
    form.setHeaderCharset(java.nio.charset.StandardCharsets.UTF_8);
    Set<String> paths = new HashSet<>();
    boolean isPart = form.skipPreamble();
    for (int parts = 0; isPart; parts++, isPart = form.readBoundary()) {
      if (parts == MAX_PARTS) {
        throw new E2bException(400, "the form has more than " + MAX_PARTS + " parts");
      }
      String target = target(headers(form), path);
      if (target == null) {
        long _ = form.discardBodyData();
        continue;
      }
      if (!paths.add(files.resolve(target))) {
        throw new E2bException(400, "the path '" + target + "' occurs twice");
      }
      try (InputStream part = form.newInputStream()) {
        write(files, target, part, metadata, written);
      }
    }
    if (written.isEmpty()) {
      throw new E2bException(400, "the form has no part with the name 'file'");
    }
  }

  private static String headers(MultipartInput form) throws IOException {
    try {
      return form.readHeaders();
    } catch (FileUploadSizeException e) {
      throw new E2bException(400, "the headers of a part have more than 16 KiB");
    }
  }

  /** Returns where a part's file goes; null if the part is no file. */
  private static @Nullable String target(String headers, @Nullable String path) {
    Matcher disposition = DISPOSITION.matcher(headers);
    if (!disposition.find()) {
      return null;
    }
    Matcher name = NAME.matcher(disposition.group(1));
    if (!name.find() || !name.group(1).equals("file")) {
      return null;
    }
    if (path != null) {
      return path;
    }
    Matcher file = FILE_NAME.matcher(disposition.group(1));
    if (!file.find() || file.group(1).isEmpty()) {
      throw new E2bException(400, "a part has no filename, and the query has no path");
    }
    return file.group(1).replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n");
  }

  private void write(
      SandboxFileSystem files,
      String path,
      InputStream content,
      Map<String, String> metadata,
      ArrayNode written)
      throws IOException, InterruptedException {
    String absolute = sandboxes.brokers().use(content, body -> files.write(path, body, metadata));
    written.add(entry(absolute, metadata));
  }

  private static ObjectNode entry(String absolute, Map<String, String> metadata) {
    ObjectNode entry =
        Json.MAPPER
            .createObjectNode()
            .put("name", absolute.substring(absolute.lastIndexOf('/') + 1))
            .put("path", absolute)
            .put("type", "file");
    if (!metadata.isEmpty()) {
      ObjectNode kept = entry.putObject("metadata");
      metadata.forEach(kept::put);
    }
    return entry;
  }

  /** Returns the file's metadata that a request's headers give. */
  private static Map<String, String> metadata(ServerRequest request) {
    Map<String, String> metadata = new LinkedHashMap<>();
    int size = 0;
    for (io.helidon.http.Header header : request.headers()) {
      String name = header.name().toLowerCase(Locale.ROOT);
      if (!name.startsWith(METADATA)) {
        continue;
      }
      String key = name.substring(METADATA.length());
      String value = header.get();
      size += PREFIX + key.length() + value.length();
      if (key.isEmpty() || key.length() > MAX_METADATA_KEY || size > MAX_METADATA) {
        throw new E2bException(
            400, "metadata is too long: a key has 1 to 246 bytes, all have at most 4096");
      }
      if (!value.chars().allMatch(c -> c >= ' ' && c <= '~')) {
        throw new E2bException(400, "the metadata of '" + key + "' is not printable ASCII");
      }
      metadata.put(key, value);
    }
    return metadata;
  }

  private static @Nullable String parameter(ServerRequest request, String name) {
    return request.query().first(name).filter(text -> !text.isEmpty()).orElse(null);
  }

  private static void requireUser(ServerRequest request) {
    requireUser(parameter(request, "username"));
  }

  private static void requireUser(@Nullable String user) {
    if (user != null && !user.equals(Processes.USER)) {
      throw new E2bException(
          401, "error looking up user '" + user + "': sandboxes have only 'user'");
    }
  }
}
