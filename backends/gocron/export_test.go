package gocron

// EngineFor is the engine that New gives to a manager.
var EngineFor = engineFor
