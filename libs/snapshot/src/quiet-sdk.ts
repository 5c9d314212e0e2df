/**
 * The pinned AWS SDK supports the Node that this project does; its advice on later versions doesn't belong in a log. To
 * be imported before the SDK.
 */
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
