{
  # The build is CMakeLists.txt. This hands over to it, for tools that only know node-gyp.
  "targets": [{
    "target_name": "steepest",
    "type": "none",
    "actions": [{
      "action_name": "cmake-js",
      "inputs": ["CMakeLists.txt", "native/sources.json"],
      "outputs": ["<(PRODUCT_DIR)/never-written"],
      "action": [
        "node", "<!(node -p \"require.resolve('cmake-js/bin/cmake-js')\")", "build", "--out", "build/cmake",
        "--CDCMAKE_LIBRARY_OUTPUT_DIRECTORY=<(module_root_dir)/build/Release"
      ]
    }]
  }]
}
